{{/*
The chart holds no object of its own: it reads the files of k8s/base and changes in them what the values name.
Why: docs/adr/0004-one-source-for-manifests.md
*/}}

{{/*
All objects of one file.
Call: include "kubsets.objects" (dict "root" $ "file" "base/50-demo-app.yaml" "workload" .Values.demoApp)
`workload` is optional: values for the one workload in the file (see values.schema.json).
*/}}
{{- define "kubsets.objects" -}}
{{- $root := .root -}}
{{- $workload := .workload | default dict -}}
{{- $text := $root.Files.Get .file | required (printf "file %s is missing in the chart" .file) -}}
{{- range $document := splitList "\n---\n" $text -}}
{{- $object := printf "%s\n" $document | fromYaml -}}
{{- if hasKey $object "Error" -}}{{- fail (printf "%s: %s" $.file $object.Error) -}}{{- end -}}
{{- include "kubsets.change" (dict "root" $root "object" $object "workload" $workload) }}
---
{{ toYaml $object }}
{{ end -}}
{{- end -}}

{{/* Changes one object in place. Prints nothing. */}}
{{- define "kubsets.change" -}}
{{- $values := .root.Values -}}
{{- $object := .object -}}
{{- $workload := .workload -}}
{{- $_ := set $object.metadata "namespace" .root.Release.Namespace -}}
{{- include "kubsets.version" (dict "values" $values "metadata" $object.metadata) -}}
{{- if eq $object.kind "ConfigMap" -}}
{{- if eq $object.metadata.name "kubsets" -}}{{- $_ := mergeOverwrite $object.data $values.config -}}{{- end -}}
{{- else if eq $object.kind "PodDisruptionBudget" -}}
{{- with $workload.minAvailable -}}{{- $_ := set $object.spec "minAvailable" . -}}{{- end -}}
{{- else if has $object.kind (list "Deployment" "StatefulSet" "DaemonSet" "Job") -}}
{{- if and (hasKey $workload "replicas") (hasKey $object.spec "replicas") -}}{{- $_ := set $object.spec "replicas" $workload.replicas -}}{{- end -}}
{{- include "kubsets.pod" (dict "values" $values "template" $object.spec.template "workload" $workload) -}}
{{- include "kubsets.volume" (dict "spec" $object.spec "volume" ($workload.volume | default dict)) -}}
{{- else if eq $object.kind "CronJob" -}}
{{- with $workload.schedule -}}{{- $_ := set $object.spec "schedule" . -}}{{- end -}}
{{- include "kubsets.version" (dict "values" $values "metadata" $object.spec.jobTemplate.metadata) -}}
{{- include "kubsets.pod" (dict "values" $values "template" $object.spec.jobTemplate.spec.template "workload" $workload) -}}
{{- end -}}
{{- end -}}

{{/* Changes a pod template in place: version, images, and of the first container resources and environment. */}}
{{- define "kubsets.pod" -}}
{{- $values := .values -}}
{{- $workload := .workload -}}
{{- $pod := .template.spec -}}
{{- include "kubsets.version" (dict "values" $values "metadata" .template.metadata) -}}
{{- with $values.image.pullSecrets -}}{{- $_ := set $pod "imagePullSecrets" . -}}{{- end -}}
{{- with $workload.terminationGracePeriodSeconds -}}{{- $_ := set $pod "terminationGracePeriodSeconds" . -}}{{- end -}}
{{- with $workload.nodeSelector -}}{{- $_ := set $pod "nodeSelector" . -}}{{- end -}}
{{- range $container := concat ($pod.initContainers | default list) $pod.containers -}}
{{- $image := trimPrefix "registry.kubsets.local/" $container.image -}}
{{- if and $values.image.tag (hasPrefix "kubsets/" $image) -}}
{{- $image = printf "%s:%s" (splitList ":" $image | first) $values.image.tag -}}
{{- range $variable := $container.env -}}
{{- if eq $variable.name "APP_VERSION" -}}{{- $_ := set $variable "value" $values.image.tag -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- $_ := set $container "image" (printf "%s/%s" $values.image.registry $image) -}}
{{- $_ := set $container "imagePullPolicy" $values.image.pullPolicy -}}
{{- end -}}
{{- $main := first $pod.containers -}}
{{- with $workload.resources -}}{{- $_ := mergeOverwrite $main.resources . -}}{{- end -}}
{{- range $name, $value := $workload.env -}}
{{- $others := list -}}
{{- range $variable := $main.env -}}
{{- if ne $variable.name $name -}}{{- $others = append $others $variable -}}{{- end -}}
{{- end -}}
{{- $_ := set $main "env" (append $others (dict "name" $name "value" $value)) -}}
{{- end -}}
{{- end -}}

{{/* Changes the volumes of a StatefulSet in place. */}}
{{- define "kubsets.volume" -}}
{{- $volume := .volume -}}
{{- range $claim := .spec.volumeClaimTemplates -}}
{{- with $volume.size -}}{{- $_ := set $claim.spec.resources.requests "storage" . -}}{{- end -}}
{{- with $volume.storageClassName -}}{{- $_ := set $claim.spec "storageClassName" . -}}{{- end -}}
{{- end -}}
{{- if $volume.whenDeleted -}}{{- $_ := set .spec.persistentVolumeClaimRetentionPolicy "whenDeleted" $volume.whenDeleted -}}{{- end -}}
{{- end -}}

{{/* The version label follows `image.tag`, on our own services only: Postgres and Kafka keep theirs. */}}
{{- define "kubsets.version" -}}
{{- $label := "app.kubernetes.io/version" -}}
{{- if and .values.image.tag (not (has (get .metadata.labels "app.kubernetes.io/name") (list "postgres" "kafka"))) (hasKey .metadata.labels $label) -}}
{{- $_ := set .metadata.labels $label .values.image.tag -}}
{{- end -}}
{{- end -}}
