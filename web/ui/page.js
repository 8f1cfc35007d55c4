// The plain page: a query with its table, targets and alerts. Everything that came over the wire enters the
// document through textContent; nothing is parsed as markup.
'use strict';

const rowsMax = 1000;
const refreshMs = 10000;
const byId = (id) => document.getElementById(id);

function element(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const child of children) {
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

function show(parent, ...children) {
  parent.replaceChildren(...children);
}

function table(headings, rows) {
  const head = element('tr');
  for (const [text, className] of headings) head.append(element('th', className, text));
  const body = element('tbody', '', ...rows);
  return element('div', 'scroll', element('table', '', element('thead', '', head), body));
}

function seriesName(labels) {
  const node = element('span', '');
  if (labels.__name__) node.append(element('span', 'metric', labels.__name__));
  const names = Object.keys(labels).filter((name) => name !== '__name__');
  if (names.length === 0) {
    if (!labels.__name__) node.append('{}');
    return node;
  }
  node.append('{', names.map((name) => `${name}=${JSON.stringify(labels[name])}`).join(', '), '}');
  return node;
}

function labelList(labels) {
  const node = element('span', '');
  for (const name of Object.keys(labels)) {
    node.append(element('span', 'label', `${name}="${labels[name]}"`));
  }
  return node;
}

function time(seconds) {
  return new Date(seconds * 1000).toISOString().replace('T', ' ').replace('.000Z', 'Z');
}

function ago(text) {
  const then = Date.parse(text);
  if (!(then > 0)) return 'never';
  const seconds = Math.max(0, (Date.now() - then) / 1000);
  if (seconds < 90) return `${seconds.toFixed(1)}s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)}m ago`;
  return `${Math.round(seconds / 3600)}h ago`;
}

async function ask(path, form) {
  const options = form ? {method: 'POST', body: form} : {};
  const response = await fetch(`api/v1/${path}`, options);
  const type = response.headers.get('Content-Type') || '';
  if (!type.startsWith('application/json')) {
    throw new Error(`${response.status}: ${(await response.text()).slice(0, 300)}`);
  }
  const answer = await response.json();
  if (answer.status !== 'success') throw new Error(`${answer.errorType}: ${answer.error}`);
  return answer;
}

function message(kind, text) {
  return element('p', `message ${kind}`, text);
}

function resultRows(data) {
  if (data.resultType === 'scalar' || data.resultType === 'string') {
    return [element('tr', '', element('td', 'series', data.resultType),
      element('td', 'value', data.result[1]))];
  }
  return data.result.slice(0, rowsMax).map((item) => {
    const name = element('td', 'series', seriesName(item.metric));
    if (item.value) return element('tr', '', name, element('td', 'value', item.value[1]));
    const points = (item.values || []).slice(-10);
    const cell = element('td', 'value');
    for (const [at, value] of points) cell.append(element('div', '', `${value} @ ${time(at)}`));
    if ((item.values || []).length > points.length) {
      cell.prepend(element('div', 'muted', `last 10 of ${item.values.length}`));
    }
    return element('tr', '', name, cell);
  });
}

function showResult(answer, milliseconds) {
  const notes = [];
  for (const text of answer.warnings || []) notes.push(message('warning', text));
  for (const text of answer.infos || []) notes.push(message('info', text));
  const {data} = answer;
  const isList = data.resultType === 'vector' || data.resultType === 'matrix';
  const count = isList ? data.result.length : 1;
  byId('timing').textContent = `${count} ${count === 1 ? 'result' : 'results'} in ${milliseconds} ms`;
  if (count > rowsMax) notes.push(message('info', `the first ${rowsMax} of ${count} are shown`));
  show(byId('messages'), ...notes);
  if (count === 0) {
    show(byId('result'), element('p', 'muted', 'Empty result: no series matched.'));
    return;
  }
  show(byId('result'), table([['Series', ''], ['Value', 'value']], resultRows(data)));
}

async function runQuery() {
  const expression = byId('expr').value.trim();
  if (!expression) return;
  const form = new URLSearchParams({query: expression});
  const moment = byId('moment').value;
  if (moment) form.set('time', String(Date.parse(moment) / 1000));
  const button = document.querySelector('#query-form button');
  button.disabled = true;
  const start = performance.now();
  try {
    const answer = await ask('query', form);
    showResult(answer, Math.round(performance.now() - start));
  } catch (error) {
    byId('timing').textContent = '';
    show(byId('messages'), message('error', error.message));
    show(byId('result'));
  } finally {
    button.disabled = false;
  }
}

function targetRow(target) {
  const health = ['up', 'down'].includes(target.health) ? target.health : 'unknown';
  const endpoint = element('td', 'series', target.scrapeUrl);
  if (target.lastError) endpoint.append(element('div', 'failure', target.lastError));
  return element('tr', '', element('td', 'nowrap', target.scrapePool), endpoint,
    element('td', '', element('span', `pill ${health}`, health)),
    element('td', '', labelList(target.labels)), element('td', 'nowrap', ago(target.lastScrape)),
    element('td', 'value', `${(target.lastScrapeDuration * 1000).toFixed(1)} ms`));
}

async function showTargets() {
  const {data} = await ask('targets?state=active');
  const targets = data.activeTargets;
  const up = targets.filter((target) => target.health === 'up').length;
  byId('targets-count').textContent = `${up} of ${targets.length} up`;
  if (targets.length === 0) {
    show(byId('targets-body'), element('p', 'muted', 'No targets are configured.'));
    return;
  }
  const headings = [['Pool', ''], ['Endpoint', ''], ['Health', ''], ['Labels', ''],
    ['Last scrape', ''], ['Duration', 'value']];
  show(byId('targets-body'), table(headings, targets.slice(0, rowsMax).map(targetRow)));
}

function alertRow(alert) {
  const {alertname, ...labels} = alert.labels;
  const state = ['firing', 'pending', 'inactive'].includes(alert.state) ? alert.state : 'unknown';
  const notes = element('td', '');
  for (const name of Object.keys(alert.annotations)) {
    notes.append(element('div', '', `${name}: ${alert.annotations[name]}`));
  }
  return element('tr', '', element('td', 'metric', alertname || ''),
    element('td', '', element('span', `pill ${state}`, state)),
    element('td', '', labelList(labels)), notes, element('td', 'nowrap', ago(alert.activeAt)),
    element('td', 'value', alert.value));
}

async function showAlerts() {
  const {data} = await ask('alerts');
  const firing = data.alerts.filter((alert) => alert.state === 'firing').length;
  byId('alerts-count').textContent = `${firing} firing, ${data.alerts.length - firing} pending`;
  if (data.alerts.length === 0) {
    show(byId('alerts-body'), element('p', 'muted', 'No alert is active.'));
    return;
  }
  const headings = [['Alert', ''], ['State', ''], ['Labels', ''], ['Annotations', ''],
    ['Active since', ''], ['Value', 'value']];
  show(byId('alerts-body'), table(headings, data.alerts.slice(0, rowsMax).map(alertRow)));
}

async function refresh() {
  for (const [work, place] of [[showTargets, 'targets-body'], [showAlerts, 'alerts-body']]) {
    try {
      await work();
    } catch (error) {
      show(byId(place), message('error', error.message));
    }
  }
  try {
    const {data} = await ask('notifications');
    show(byId('notices'), ...data.map((notice) => message('warning', notice.text)));
  } catch {
    show(byId('notices'));
  }
}

async function showBuild() {
  try {
    const {data} = await ask('status/buildinfo');
    const own = data.narthexVersion ? `Narthex ${data.narthexVersion}, ` : '';
    byId('build').textContent = `${own}API of Prometheus ${data.version}`;
  } catch {
    byId('build').textContent = '';
  }
}

function start() {
  const parameters = new URLSearchParams(location.search);
  const expression = parameters.get('g0.expr');
  if (expression) byId('expr').value = expression;
  const moment = parameters.get('g0.moment_input');
  if (moment) byId('moment').value = moment.replace(' ', 'T').replace('Z', '');
  byId('query-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const shown = new URLSearchParams({'g0.expr': byId('expr').value, 'g0.tab': '1'});
    if (byId('moment').value) shown.set('g0.moment_input', byId('moment').value);
    history.pushState(null, '', `?${shown}`);
    runQuery();
  });
  byId('expr').addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey) return;
    event.preventDefault();
    byId('query-form').requestSubmit();
  });
  window.addEventListener('popstate', () => location.reload());
  showBuild();
  runQuery();
  refresh();
  setInterval(() => document.hidden || refresh(), refreshMs);
}

start();
