{{/* Values that contradict each other are refused, with what to do. */}}
{{- define "coditect.checks" -}}
{{- with .Values -}}
{{- if and (eq .migrations.mode "hook") .postgresql.bundled -}}
{{- fail "migrations.mode: `hook` runs before the bundled PostgreSQL is there; use `job`, or set postgresql.bundled to false" -}}
{{- end -}}
{{- if and (eq .migrations.mode "hook") .secrets.create -}}
{{- fail "migrations.mode: `hook` runs before the chart's own Secret is there; make one yourself and name it in secrets.existingSecret, or use `job`" -}}
{{- end -}}
{{- if and (include "coditect.planInGit" $) (eq .repository.url "") -}}
{{- fail "config.plan.source: with `git`, give repository.url: that is where the plan is read and pushed to" -}}
{{- end -}}
{{- if and .syncDaemon.webhook (not (include "coditect.planInGit" $)) -}}
{{- fail "syncDaemon.webhook: there is something to tell only with config.plan.source `git`" -}}
{{- end -}}
{{- if and (gt (int .syncDaemon.replicas) 1) (not (include "coditect.planInGit" $)) (eq (include "coditect.repositoryAccess" $) "ReadWriteOnce") -}}
{{- fail "syncDaemon.replicas: two need a volume that two nodes can mount; set repository.volume.accessMode to ReadWriteMany, or config.plan.source to git" -}}
{{- end -}}
{{- if and (gt (int .orchestrator.replicas) 1) (eq .orchestrator.backups.accessMode "ReadWriteOnce") -}}
{{- fail "orchestrator.replicas: two need a volume for backups that two nodes can mount; set orchestrator.backups.accessMode to ReadWriteMany" -}}
{{- end -}}
{{- if and (eq .repository.url "") (eq (include "coditect.repositoryAccess" $) "ReadWriteOnce") (gt (int .agentExecutor.replicas) 1) -}}
{{- fail "repository.volume.accessMode: executors on several nodes work on this volume; use ReadWriteMany, or give repository.url" -}}
{{- end -}}
{{- if .secrets.create -}}
{{- if and .syncDaemon.webhook (not .secrets.webhookSecret) }}{{ fail "secrets.webhookSecret: give one, as secrets.create and syncDaemon.webhook are on" }}{{ end -}}
{{- if and (include "coditect.pullRequests" $) (not .secrets.forgeToken) }}{{ fail "secrets.forgeToken: give one, as secrets.create is on and config.landing.mode is `pull-request`" }}{{ end -}}
{{- if not .secrets.httpToken }}{{ fail "secrets.httpToken: give one, as secrets.create is on" }}{{ end -}}
{{- if and .postgresql.bundled (not .secrets.postgresPassword) }}{{ fail "secrets.postgresPassword: give one, as secrets.create is on" }}{{ end -}}
{{- if and .redis.bundled (not .secrets.redisPassword) }}{{ fail "secrets.redisPassword: give one, as secrets.create is on" }}{{ end -}}
{{- if and (not .postgresql.bundled) (not .secrets.databaseUrl) }}{{ fail "secrets.databaseUrl: give one, as secrets.create is on and PostgreSQL is not bundled" }}{{ end -}}
{{- if and (not .redis.bundled) (not .secrets.redisUrl) }}{{ fail "secrets.redisUrl: give one, as secrets.create is on and Redis is not bundled" }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
