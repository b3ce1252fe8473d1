{{/* What the two bundled servers have the same: the head of a Service, of a policy and of a StatefulSet's Pod. */}}
{{- define "coditect.server" -}}
{{- $root := .root -}}
{{- $fullname := include "coditect.fullname" $root -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ $fullname }}-{{ .name }}
  labels:
    {{- include "coditect.labels" (list $root .name) | nindent 4 }}
spec:
  selector:
    {{- include "coditect.selector" (list $root .name) | nindent 4 }}
  ports:
    - { name: {{ .name }}, port: {{ .port }}, targetPort: {{ .name }} }
{{- if $root.Values.podDisruptionBudget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $fullname }}-{{ .name }}
  labels:
    {{- include "coditect.labels" (list $root .name) | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "coditect.selector" (list $root .name) | nindent 6 }}
{{- end }}
{{- if $root.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ $fullname }}-{{ .name }}
  labels:
    {{- include "coditect.labels" (list $root .name) | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "coditect.selector" (list $root .name) | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        {{- range .clients }}
        - podSelector:
            matchLabels:
              {{- include "coditect.selector" (list $root .) | nindent 14 }}
        {{- end }}
      ports:
        - { protocol: TCP, port: {{ .name }} }
{{- end }}
{{- end -}}
