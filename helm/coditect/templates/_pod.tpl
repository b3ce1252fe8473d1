{{/* The Pod of a service: what is the same in all five, and the little that is not. Takes a dict: root, name, service. */}}
{{- define "coditect.pod" -}}
{{- $root := .root -}}
{{- $name := .name -}}
{{- $service := .service -}}
{{- $own := index $root.Values $service.key -}}
{{- $defaults := $root.Values.defaults -}}
{{- $fullname := include "coditect.fullname" $root -}}
{{- $executor := eq $name "agent-executor" -}}
{{- $grace := $own.terminationGracePeriodSeconds | default $defaults.terminationGracePeriodSeconds -}}
{{- $inGit := include "coditect.planInGit" $root -}}
{{- $onVolume := or (and (eq $name "sync-daemon") (not $inGit)) (and $executor (not $root.Values.repository.url)) -}}
{{- /* Definitions of agents are read in the checkout. */ -}}
{{- $reads := and (or (eq $name "task-dispatcher") (eq $name "orchestrator")) (dig "agents" "directories" list $root.Values.config) (include "coditect.repositoryVolume" $root) -}}
{{- $pushes := or $executor (and (eq $name "sync-daemon") $inGit) -}}
{{- $image := include "coditect.image" $root -}}
{{- if $executor }}{{ $image = $own.image | default $image }}{{ end -}}
metadata:
  labels:
    {{- include "coditect.selector" (list $root $name) | nindent 4 }}
    {{- with $defaults.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    checksum/config: {{ include (print $root.Template.BasePath "/configmap.yaml") $root | sha256sum }}
    {{- if $executor }}
    # An attempt that runs is not to be cut off for the sake of a fuller node.
    cluster-autoscaler.kubernetes.io/safe-to-evict: "false"
    {{- end }}
    {{- with $defaults.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  serviceAccountName: {{ $fullname }}-{{ $name }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- if and $executor (not $own.sandbox.hostUsers) }}
  hostUsers: false
  {{- end }}
  terminationGracePeriodSeconds: {{ $grace }}
  securityContext:
    {{- include "coditect.podSecurityContext" 1000 | nindent 4 }}
  {{- with $root.Values.imagePullSecrets }}
  imagePullSecrets: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with $defaults.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $own.nodeSelector | default $defaults.nodeSelector }}
  nodeSelector: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.tolerations | default $defaults.tolerations }}
  tolerations: {{ toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "coditect.selector" (list $root $name) | nindent 10 }}
  {{- if and (eq $name "sync-daemon") $root.Values.repository.url (not $inGit) }}
  initContainers:
    # The checkout, once; what is there stays as it is.
    - name: clone
      image: {{ $image }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      command: [sh, -ec, 'test -e /repo/.git || git clone --no-hardlinks -- "$REPOSITORY" /repo']
      env:
        - name: REPOSITORY
          value: {{ $root.Values.repository.url | quote }}
        - name: GIT_TERMINAL_PROMPT
          value: "0"
      securityContext:
        {{- include "coditect.securityContext" $root | nindent 8 }}
      resources:
        {{- toYaml $own.resources | nindent 8 }}
      volumeMounts:
        - { name: repository, mountPath: /repo }
        - { name: tmp, mountPath: /tmp }
        {{- if $root.Values.repository.sshSecret }}
        - { name: ssh, mountPath: /home/coditect/.ssh, readOnly: true }
        {{- end }}
  {{- end }}
  containers:
    - name: {{ $name }}
      image: {{ $image }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: [{{ $name }}]
      env:
        {{- include "coditect.env" . | nindent 8 }}
        - name: CODITECT_SHUTDOWN__DRAIN_LIMIT_MS
          value: {{ mul (sub $grace 15) 1000 | int64 | quote }}
        {{- with $defaults.env }}{{ toYaml . | nindent 8 }}{{ end }}
      {{- if and $executor $own.credentialsSecret }}
      envFrom:
        - secretRef:
            name: {{ $own.credentialsSecret }}
      {{- end }}
      ports:
        - { name: grpc, containerPort: {{ $service.grpc }} }
        - { name: admin, containerPort: {{ $service.admin }} }
        {{- if $service.http }}
        - { name: http, containerPort: {{ $service.http }} }
        {{- end }}
      startupProbe:
        httpGet: { path: /healthz, port: admin }
        periodSeconds: 2
        failureThreshold: 60
      livenessProbe:
        httpGet: { path: /healthz, port: admin }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: { path: /readyz, port: admin }
        periodSeconds: 5
        timeoutSeconds: 3
      {{- if not $executor }}
      # Callers are told first; then SIGTERM drains. Executors drain at once: nobody calls them for work.
      lifecycle:
        preStop:
          exec: { command: [sleep, "5"] }
      {{- end }}
      securityContext:
        {{- include "coditect.securityContext" $root | nindent 8 }}
        {{- if $executor }}
        {{- with $own.sandbox.seccompProfile }}
        seccompProfile: {{ toYaml . | nindent 10 }}
        {{- end }}
        {{- with $own.sandbox.appArmorProfile }}
        appArmorProfile: {{ toYaml . | nindent 10 }}
        {{- end }}
        {{- if not $own.sandbox.hostUsers }}
        procMount: Unmasked
        {{- end }}
        {{- end }}
      resources:
        {{- toYaml $own.resources | nindent 8 }}
      volumeMounts:
        - { name: config, mountPath: /etc/coditect, readOnly: true }
        - { name: secrets, mountPath: /run/secrets/coditect, readOnly: true }
        - { name: tmp, mountPath: /tmp }
        - { name: data, mountPath: /data }
        {{- if $onVolume }}
        - { name: repository, mountPath: /repo }
        {{- else if $reads }}
        - { name: repository, mountPath: /repo, readOnly: true }
        {{- end }}
        {{- if and $pushes $root.Values.repository.sshSecret }}
        - { name: ssh, mountPath: /home/coditect/.ssh, readOnly: true }
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ $fullname }}
    - name: secrets
      secret:
        secretName: {{ include "coditect.secret" $root }}
        defaultMode: 0440
        items:
          - { key: redis-url, path: redis-url }
          {{- if $service.database }}
          - { key: database-url, path: database-url }
          {{- end }}
          {{- if $service.http }}
          - { key: http-token, path: http-token }
          {{- end }}
          {{- if and (eq $name "sync-daemon") $own.webhook }}
          - { key: webhook-secret, path: webhook-secret }
          {{- end }}
          {{- if and (eq $name "orchestrator") (include "coditect.pullRequests" $root) }}
          - { key: forge-token, path: forge-token }
          {{- end }}
    - name: tmp
      emptyDir: { sizeLimit: 1Gi }
    - name: data
      {{- if and $executor (eq $own.data.type "ephemeral") }}
      ephemeral:
        volumeClaimTemplate:
          spec:
            {{- include "coditect.claim" (dict "mode" "ReadWriteOnce" "class" $own.data.storageClass "size" $own.data.size) | nindent 12 }}
      {{- else if $executor }}
      emptyDir: { sizeLimit: {{ $own.data.size }} }
      {{- else if eq $name "orchestrator" }}
      persistentVolumeClaim:
        claimName: {{ include "coditect.backupsClaim" $root }}
      {{- else if and (eq $name "sync-daemon") $inGit }}
      emptyDir: { sizeLimit: {{ $own.cloneSize }} }
      {{- else }}
      emptyDir: { sizeLimit: 64Mi }
      {{- end }}
    {{- if or $onVolume $reads }}
    - name: repository
      persistentVolumeClaim:
        claimName: {{ include "coditect.repositoryClaim" $root }}
    {{- end }}
    {{- if and $root.Values.repository.sshSecret (or $executor (eq $name "sync-daemon")) }}
    - name: ssh
      secret:
        secretName: {{ $root.Values.repository.sshSecret }}
        defaultMode: 0440
    {{- end }}
{{- end -}}

{{/* What a service is told over the configuration file. Takes the same dict. */}}
{{- define "coditect.env" -}}
{{- $root := .root -}}
{{- $variable := upper .name | replace "-" "_" -}}
{{- $fullname := include "coditect.fullname" $root -}}
- name: CODITECT_CONFIG
  value: /etc/coditect/orchestrator-config.json
- name: CODITECT_INSTANCE
  valueFrom:
    fieldRef: { fieldPath: metadata.name }
- name: RUST_LOG
  value: {{ $root.Values.defaults.logLevel | quote }}
- name: REDIS_URL_FILE
  value: /run/secrets/coditect/redis-url
{{- if .service.database }}
- name: DATABASE_URL_FILE
  value: /run/secrets/coditect/database-url
{{- end }}
{{- if .service.http }}
- name: CODITECT_HTTP_TOKEN_FILE
  value: /run/secrets/coditect/http-token
- name: CODITECT_LISTEN__HTTP
  value: 0.0.0.0:{{ .service.http }}
{{- end }}
{{- if eq .name "sync-daemon" }}
{{- if include "coditect.planInGit" $root }}
- name: CODITECT_PLAN__DATA_DIR
  value: /data/plan
{{- end }}
{{- if $root.Values.syncDaemon.webhook }}
- name: CODITECT_PLAN_WEBHOOK_SECRET_FILE
  value: /run/secrets/coditect/webhook-secret
{{- end }}
{{- end }}
{{- if and (eq .name "orchestrator") (include "coditect.pullRequests" $root) }}
- name: CODITECT_FORGE_TOKEN_FILE
  value: /run/secrets/coditect/forge-token
{{- end }}
- name: CODITECT_LISTEN__GRPC__{{ $variable }}
  value: 0.0.0.0:{{ .service.grpc }}
- name: CODITECT_LISTEN__ADMIN__{{ $variable }}
  value: 0.0.0.0:{{ .service.admin }}
- name: CODITECT_REPOSITORY__PATH
  value: {{ if and (eq .name "sync-daemon") (not (include "coditect.planInGit" $root)) }}/repo{{ else }}{{ $root.Values.repository.url | default "/repo" | quote }}{{ end }}
- name: CODITECT_REPOSITORY__TARGET_BRANCH
  value: {{ $root.Values.repository.targetBranch | quote }}
- name: CODITECT_EXECUTOR__ORCHESTRATOR
  value: http://{{ $fullname }}-orchestrator:7001
# For the command line, where somebody calls it in here.
- name: CODITECT_ORCHESTRATOR
  value: http://{{ $fullname }}-orchestrator:7001
- name: CODITECT_RESOLVER
  value: http://{{ $fullname }}-dependency-resolver:7003
{{- with $root.Values.telemetry.otlpEndpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- end -}}
