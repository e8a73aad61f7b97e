#!/usr/bin/env bash
# Deploy an image with an overlay: `deploy/k8s/deploy.sh production registry.example/shop@sha256:…`. Settings and secrets
# come first, then the migration, and the new pods only if that went well. What it applies stays in build/k8s. It needs
# kubectl with rights on the overlay's namespace; KUBECTL may name another command.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

overlay="${1:?the overlay: staging or production}" image="${2:?the image: name@digest or name:tag}"
folder=build/k8s namespace="shop-$overlay"
kubectl="${KUBECTL:-kubectl}"

case "$image" in
    *@*) version="digest: ${image#*@}" name="${image%%@*}" ;;
    *:*) version="newTag: '${image##*:}'" name="${image%:*}" ;;
    *) echo "The image needs a digest or a tag: $image" >&2; exit 1 ;;
esac

mkdir -p "$folder"
cat >"$folder/kustomization.yaml" <<END
resources: [../../deploy/k8s/overlays/$overlay]
images: [{name: registry.example/shop, newName: '$name', $version}]
END
"$kubectl" kustomize "$folder" >"$folder/manifests.yaml"

step() {
    echo "==> $*"
    "$kubectl" "$@"
}
component=app.kubernetes.io/component
step apply --filename "$folder/manifests.yaml" --selector "$component=settings"
step wait --namespace "$namespace" --for condition=Ready --timeout 120s externalsecret/shop-secrets

# A Job cannot be changed, so the last one makes room.
step delete job/shop-migrate --namespace "$namespace" --ignore-not-found
step apply --filename "$folder/manifests.yaml" --selector "$component=migrate"
step wait --namespace "$namespace" --for condition=Complete --timeout 3600s job/shop-migrate

step apply --filename "$folder/manifests.yaml"
for deployment in shop-web shop-number-events shop-send-webhooks shop-send-mail-notices; do
    step rollout status "deployment/$deployment" --namespace "$namespace" --timeout 600s
done
