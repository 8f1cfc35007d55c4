// Carries the precompiled standard headers that every folder reuses.
