{{/* Names, labels, images: what more than one template says the same way. */}}

{{- define "coditect.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains "coditect" .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-coditect" .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The five services: the key of their values, their ports, and whether they use the database. */}}
{{- define "coditect.services" -}}
orchestrator: { key: orchestrator, grpc: 7001, admin: 7101, http: 8080, database: true }
sync-daemon: { key: syncDaemon, grpc: 7002, admin: 7102, http: 0, database: true }
dependency-resolver: { key: dependencyResolver, grpc: 7003, admin: 7103, http: 0, database: true }
task-dispatcher: { key: taskDispatcher, grpc: 7004, admin: 7104, http: 0, database: true }
agent-executor: { key: agentExecutor, grpc: 7005, admin: 7105, http: 0, database: false }
{{- end -}}

{{/* Never changes over the life of a release. Takes a list: the root, the component. */}}
{{- define "coditect.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: coditect
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "coditect.labels" -}}
{{- $root := index . 0 -}}
{{ include "coditect.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: coditect
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end -}}

{{- define "coditect.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "coditect.secret" -}}
{{- if .Values.secrets.create -}}{{ include "coditect.fullname" . }}-secrets{{- else -}}{{ .Values.secrets.existingSecret }}{{- end -}}
{{- end -}}

{{/* The repository's volume is shared between nodes where executors work on it. */}}
{{- define "coditect.repositoryAccess" -}}
{{- .Values.repository.volume.accessMode | default (ternary "ReadWriteOnce" "ReadWriteMany" (ne .Values.repository.url "")) -}}
{{- end -}}

{{/* Not empty where the plan is on a branch: then nobody needs a checkout. */}}
{{- define "coditect.planInGit" -}}
{{- if eq (dig "plan" "source" "" .Values.config) "git" }}yes{{ end -}}
{{- end -}}

{{/* Not empty where results become pull requests, which the orchestrator opens. */}}
{{- define "coditect.pullRequests" -}}
{{- if eq (dig "landing" "mode" "" .Values.config) "pull-request" }}yes{{ end -}}
{{- end -}}

{{/* Not empty where there is a volume with the repository. */}}
{{- define "coditect.repositoryVolume" -}}
{{- if or (not (include "coditect.planInGit" .)) .Values.repository.volume.existingClaim }}yes{{ end -}}
{{- end -}}

{{- define "coditect.repositoryClaim" -}}
{{- .Values.repository.volume.existingClaim | default (printf "%s-repository" (include "coditect.fullname" .)) -}}
{{- end -}}

{{- define "coditect.backupsClaim" -}}
{{- .Values.orchestrator.backups.existingClaim | default (printf "%s-backups" (include "coditect.fullname" .)) -}}
{{- end -}}

{{- define "coditect.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Takes the user and group. */}}
{{- define "coditect.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* Takes a dict: name, size, class, mode, labels. */}}
{{- define "coditect.claim" -}}
accessModes: [{{ .mode }}]
{{- with .class }}
storageClassName: {{ . }}
{{- end }}
resources:
  requests:
    storage: {{ .size }}
{{- end -}}
