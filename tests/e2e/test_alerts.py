"""An alert on a pushed metric goes its whole way at a real Alertmanager."""
import json
import os
import unittest

from harness import EndToEnd, Program, eventually, fetch, free_port

CONFIG = """
global:
  scrape_interval: 1s
  scrape_timeout: 1s
  evaluation_interval: 1s
  external_labels: {{region: test}}
rule_files: ['rules.yml']
alerting:
  alertmanagers:
  - static_configs: [{{targets: ['{alertmanager}']}}]
scrape_configs:
- job_name: push
  honor_labels: true
  static_configs: [{{targets: ['{gateway}']}}]
"""
RULES = """
groups:
- name: queue
  rules:
  - record: job:queue_length:max
    expr: max by (job) (queue_length)
  - alert: QueueTooLong
    expr: job:queue_length:max > 100
    for: 3s
    labels: {severity: page, team: "{{ $labels.job | toUpper }}"}
    annotations:
      summary: 'queue of {{ $labels.job }} holds {{ $value }} ({{ $value | humanize }}) in {{ $externalLabels.region }}'
"""
ALERTMANAGER = """
route: {receiver: none, group_wait: 1s, group_interval: 1s}
receivers: [{name: none}]
"""


class Alerts(EndToEnd):
    def alertmanager(self):
        folder = self.subfolder("alertmanager")
        config = os.path.join(folder, "alertmanager.yml")
        with open(config, "w", encoding="utf-8") as out:
            out.write(ALERTMANAGER)
        port = free_port()
        self.keep(Program([self.installed("prometheus-alertmanager"), f"--config.file={config}",
                           f"--storage.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}",
                           "--cluster.listen-address="], os.path.join(folder, "log")))
        address = f"127.0.0.1:{port}"
        eventually(lambda: fetch(f"http://{address}/-/ready")[0] == 200, 20, "alertmanager ready")
        return address

    def push(self, gateway, value):
        status, _, body = fetch(f"http://{gateway}/metrics/job/mail", data=f"queue_length {value}\n".encode(),
                                method="PUT")
        self.assertIn(status, (200, 202), body)

    def test_goes_pending_firing_and_resolved(self):
        gateway = self.exporter("prometheus-pushgateway")
        alertmanager = self.alertmanager()
        self.push(gateway, 5)
        folder = self.subfolder("narthex")
        with open(os.path.join(folder, "rules.yml"), "w", encoding="utf-8") as out:
            out.write(RULES)
        server = self.narthex(CONFIG.format(gateway=gateway, alertmanager=alertmanager),
                              extra=("--rules.alert.resend-delay=1s",))

        def rule():
            groups = server.api("rules")["data"]["groups"]
            return [r for r in groups[0]["rules"] if r["type"] == "alerting"][0]
        eventually(lambda: rule()["state"] == "inactive" and rule()["health"] == "ok", 15, "inactive")
        eventually(lambda: server.query("job:queue_length:max")[0]["value"][1] == "5", 15, "the recording rule")

        self.push(gateway, 250)
        eventually(lambda: rule()["state"] == "pending", 10, "pending")
        eventually(lambda: rule()["state"] == "firing", 15, "firing")

        def received():
            alerts = json.loads(fetch(f"http://{alertmanager}/api/v2/alerts")[2])
            return alerts[0] if alerts else None
        alert = eventually(received, 10, "the alert at Alertmanager")
        self.assertEqual(alert["labels"], {"alertname": "QueueTooLong", "job": "mail", "severity": "page",
                                           "team": "MAIL", "region": "test"})
        self.assertEqual(alert["annotations"], {"summary": "queue of mail holds 250 (250) in test"})
        self.assertEqual(alert["status"]["state"], "active")
        self.assertIn("/graph?g0.expr=", alert["generatorURL"])
        states = {r["metric"]["alertstate"] for r in server.query('ALERTS{alertname="QueueTooLong"}')}
        self.assertEqual(states, {"firing"})
        self.assertEqual(server.api("alerts")["data"]["alerts"][0]["value"], "2.5e+02")
        managers = server.api("alertmanagers")["data"]["activeAlertmanagers"]
        self.assertEqual(managers, [{"url": f"http://{alertmanager}/api/v2/alerts"}])

        self.push(gateway, 7)
        eventually(lambda: rule()["state"] == "inactive", 10, "inactive again")
        # Alertmanager lists what is active: a resolved alert disappears long before its end time passes.
        eventually(lambda: received() is None, 10, "resolved at Alertmanager")


if __name__ == "__main__":
    unittest.main(verbosity=2)
