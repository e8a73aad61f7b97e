"""What deploys the shop, in Kubernetes, by Compose or under systemd, is complete and asks for what there is."""

import configparser
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import django
import kubernetes_validate
import pytest
import yaml
from django.core.management import get_commands

from products.api import urls as api
from shop.db import url
from shop.tests.test_configuration_docs import code, rows
from shop.tests.test_settings import PRODUCTION, settings_with

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
BASE = DEPLOY / "k8s" / "base"
TERRAFORM = DEPLOY / "terraform"
OVERLAYS = ["staging", "production"]
RENDER = [["kubectl", "kustomize"], ["kustomize", "build"]]
# What the third-party operators' own schemas require, to which the manifests were held once.
OPERATORS = {
    "ExternalSecret": {"refreshInterval", "secretStoreRef", "target", "data"},
    "ServiceMonitor": {"jobLabel", "selector", "endpoints"},
}
REQUIRED = {"DEBUG", "SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL"}
# Variables of Python and libc, in the image too, and what a manifest puts together ALLOWED_HOSTS from.
NOT_SETTINGS = {"HOSTS", "MALLOC_MMAP_THRESHOLD_", "POD_IP", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
CONFINED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
# The connections of each: send_webhooks has a thread for each of eight posts.
WORKERS = {"shop-number-events": 1, "shop-send-webhooks": 9, "shop-send-mail-notices": 1}
RESERVED = 3
"""Connections that PostgreSQL keeps for superusers, of the 100 that it has by default."""


def compose(**variables):
    """Return what compose.yaml comes to, with the variables that Compose puts into it."""
    text = (ROOT / "compose.yaml").read_text()
    return yaml.safe_load(re.sub(r"\$\{(\w+):-([^}]*)\}", lambda part: variables.get(part[1], part[2]), text))


COMPOSE = compose()


@pytest.fixture(scope="module", params=OVERLAYS)
def objects(request):
    """Return what an overlay comes to."""
    for command in RENDER:
        if shutil.which(command[0]):
            folder = DEPLOY / "k8s" / "overlays" / request.param
            rendered = subprocess.run([*command, folder], capture_output=True, text=True, check=True)
            return list(yaml.safe_load_all(rendered.stdout))
    pytest.skip("Neither kubectl nor kustomize is installed")


def named(objects, kind, name):
    [found] = [each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def template_of(workload):
    spec = workload["spec"]
    return (spec["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else spec)["template"]


def workloads(objects):
    return [each for each in objects if each["kind"] in ("CronJob", "Deployment", "Job")]


def environment_of(workload, objects):
    """Return {name: value} of the only container's variables; a value from elsewhere is None."""
    [container] = template_of(workload)["spec"]["containers"]
    [source] = container["envFrom"]
    settings = named(objects, "ConfigMap", source["configMapRef"]["name"])["data"]
    return settings | {variable["name"]: variable.get("value") for variable in container.get("env", [])}


def on_the_page():
    return {code(row.variable) for row in rows()}


def unknown(names):
    """Return the names that neither the page nor NOT_SETTINGS has, with and without _FILE."""
    return {name for name in names if name.removesuffix("_FILE") not in on_the_page() | NOT_SETTINGS}


def commands_in(text):
    return set(re.findall(r"manage\.py,? (\w+)", text))


def test_the_base_is_valid_without_any_patch():
    documents = [each for file in BASE.glob("[!k]*.yaml") for each in yaml.safe_load_all(file.read_text())]

    for document in documents:
        if document["kind"] not in OPERATORS:
            kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)

    assert len(documents) == 19


def test_an_overlay_is_valid(objects):
    for each in objects:
        if each["kind"] in OPERATORS:
            assert set(each["spec"]) == OPERATORS[each["kind"]]
        else:
            kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=True)

    assert len(objects) == 21
    assert {each["metadata"].get("namespace") for each in objects if each["kind"] != "Namespace"} == {
        named_space["metadata"]["name"] for named_space in objects if named_space["kind"] == "Namespace"
    }


def test_a_pod_may_do_nothing_that_it_need_not(objects):
    for workload in workloads(objects):
        pod = template_of(workload)["spec"]
        [container] = pod["containers"]
        context = pod["securityContext"]

        assert container["securityContext"] == CONFINED
        assert (context["runAsNonRoot"], context["runAsUser"]) == (True, 10001)
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert set(container["resources"]) == {"requests", "limits"}
        assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]


def test_a_pod_has_the_settings_that_it_needs_and_no_unknown_one(objects):
    for workload in workloads(objects):
        names = {name.removesuffix("_FILE") for name in environment_of(workload, objects)}

        assert unknown(names) == set()
        assert names >= REQUIRED


def test_the_servers_understand_their_settings(objects):
    environment = environment_of(named(objects, "Deployment", "shop-web"), objects)
    hosts = named(objects, "ConfigMap", environment_source(objects))["data"]["ALLOWED_HOSTS"]
    values = {name: value for name, value in environment.items() if value and not name.endswith("_FILE")}
    values["ALLOWED_HOSTS"] = values["ALLOWED_HOSTS"].replace("$(HOSTS)", hosts).replace("$(POD_IP)", "10.0.0.7")

    settings = settings_with(PRODUCTION | {"EMAIL_URL": "smtp://mail.example"} | values)

    assert settings["ALLOWED_HOSTS"] == [hosts, "10.0.0.7"]
    assert (settings["DEBUG"], settings["MAIL_NOTICES"]) == (False, True)


def environment_source(objects):
    [container] = template_of(named(objects, "Deployment", "shop-web"))["spec"]["containers"]
    return container["envFrom"][0]["configMapRef"]["name"]


def test_each_secret_that_a_pod_reads_is_mounted_and_comes_from_somewhere(objects):
    brought = {each["secretKey"] for each in named(objects, "ExternalSecret", "shop-secrets")["spec"]["data"]}

    for workload in workloads(objects):
        files = {name: path for name, path in environment_of(workload, objects).items() if name.endswith("_FILE")}
        [secrets] = [each["secret"] for each in template_of(workload)["spec"]["volumes"] if "secret" in each]
        mounted = {item["path"] for item in secrets.get("items", [{"path": key} for key in brought])}

        assert {path.removeprefix("/run/secrets/shop/") for path in files.values()} <= mounted <= brought
        # Only the migration may change the tables.
        assert ("migration_database_url" in mounted) == (workload["kind"] == "Job")


def test_what_selects_pods_selects_some(objects):
    labels = {each["metadata"]["name"]: template_of(each)["metadata"]["labels"] for each in workloads(objects)}
    selectors = {
        "Service": lambda spec: spec["selector"],
        "PodDisruptionBudget": lambda spec: spec["selector"]["matchLabels"],
        "NetworkPolicy": lambda spec: spec["podSelector"].get("matchLabels", {}),
    }

    for each in objects:
        if each["kind"] in selectors:
            wanted = selectors[each["kind"]](each["spec"]).items()
            assert [name for name, there in labels.items() if wanted <= there.items()] != []
    for each in objects:
        if each["kind"] == "Deployment":
            assert each["spec"]["selector"]["matchLabels"].items() <= labels[each["metadata"]["name"]].items()
    service, monitor = named(objects, "Service", "shop-web"), named(objects, "ServiceMonitor", "shop-web")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert [each["port"] for each in monitor["spec"]["endpoints"]] == [
        each["name"] for each in service["spec"]["ports"]
    ]


def test_a_server_is_probed_where_it_answers_and_stops_in_time(objects, client, db):
    pod = template_of(named(objects, "Deployment", "shop-web"))["spec"]
    [container] = pod["containers"]
    environment = environment_of(named(objects, "Deployment", "shop-web"), objects)
    probes = [container[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")]

    # What is restarted when it fails must not ask the database.
    assert probes == ["/health/live", "/health/live", "/health/ready"]
    assert {client.get(path).status_code for path in probes} == {200}
    leaving = container["lifecycle"]["preStop"]["sleep"]["seconds"] + int(environment["GRACEFUL_TIMEOUT_SECONDS"]) + 2
    assert leaving < pod["terminationGracePeriodSeconds"]


def test_the_most_pods_have_fewer_connections_than_postgresql(objects):
    servers = named(objects, "Deployment", "shop-web")
    environment = environment_of(servers, objects)
    pods = named(objects, "HorizontalPodAutoscaler", "shop-web")["spec"]["maxReplicas"]
    pods += servers["spec"]["strategy"]["rollingUpdate"]["maxSurge"]

    connections = pods * int(environment["WEB_CONCURRENCY"]) * int(environment["WEB_THREADS"])
    connections += 2 * sum(WORKERS.values())  # twice while they are rolled out
    connections += len([each for each in objects if each["kind"] in ("CronJob", "Job")])

    assert {each["metadata"]["name"] for each in objects if each["kind"] == "Deployment"} == {"shop-web", *WORKERS}
    assert connections < 100 - RESERVED


def test_the_public_reaches_neither_health_nor_metrics(objects):
    [rule] = named(objects, "Ingress", "shop-web")["spec"]["rules"]

    assert [(path["pathType"], path["path"]) for path in rule["http"]["paths"]] == [
        ("Exact", "/"),
        ("Prefix", "/api"),
        ("Prefix", "/api-token-auth"),
        ("Prefix", "/static"),
        ("Prefix", "/admin"),
    ]


def test_the_public_reaches_every_path_of_the_api():
    [ingress] = yaml.safe_load_all((BASE / "ingress.yaml").read_text())
    balancer = (TERRAFORM / "balancer.tf").read_text()

    beginnings = {str(route.pattern).partition("/")[0] for route in api.urlpatterns}

    assert beginnings == {"api", "api-token-auth"}
    [rule] = ingress["spec"]["rules"]
    assert {path["path"].removeprefix("/") for path in rule["http"]["paths"]} >= beginnings
    assert {path for path in beginnings if f'"/{path}"' in balancer and f'"/{path}/*"' in balancer} == beginnings


def test_compose_starts_each_service_after_what_it_needs():
    services = COMPOSE["services"]
    needs = {name: {**service.get("depends_on", {})} for name, service in services.items()}
    after_the_migration = {"migrate": {"condition": "service_completed_successfully"}}

    assert needs == {
        "database": {},
        "limits": {"database": {"condition": "service_healthy"}},
        "pgbouncer": {"limits": {"condition": "service_completed_successfully"}},
        "migrate": {"database": {"condition": "service_healthy"}},
        "shop": after_the_migration | {"pgbouncer": {"condition": "service_healthy", "required": False}},
        "number_events": after_the_migration,
        "webhooks": after_the_migration,
        "mail": after_the_migration,
        "chores": after_the_migration,
        "proxy": {"shop": {"condition": "service_healthy"}},
    }
    assert services["shop"]["deploy"] == {"replicas": 2}
    # The image's check asks a server, which the others are not.
    workers = [service for name, service in services.items() if service["image"] == "shop" and name != "shop"]
    assert {str(worker["healthcheck"]) for worker in workers} == {"{'disable': True}"}


def mounted_secrets(service, compose=COMPOSE):
    """Return {name in /run/secrets: file} of a service."""
    secrets = [{"source": each, "target": each} if isinstance(each, str) else each for each in service["secrets"]]
    return {secret["target"]: compose["secrets"][secret["source"]]["file"] for secret in secrets}


def test_compose_confines_the_shop_and_gives_it_secrets_as_files():
    ours = [service for service in COMPOSE["services"].values() if service["image"] == "shop"]

    for service in ours:
        environment = service["environment"]
        files = {path.removeprefix("/run/secrets/") for name, path in environment.items() if name.endswith("_FILE")}

        assert unknown(environment) == set()
        assert {name.removesuffix("_FILE") for name in environment} >= REQUIRED - {"DEBUG"}  # which the image sets
        assert files == set(mounted_secrets(service))
    assert len(ours) == 6
    for service in [*ours, COMPOSE["services"]["pgbouncer"], COMPOSE["services"]["limits"]]:
        assert (service["read_only"], service["cap_drop"], service["tmpfs"]) == (True, ["ALL"], ["/tmp"])
        assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize(("behind", "file"), [("false", "database_url"), ("true", "pgbouncer_url")])
def test_compose_lets_the_servers_alone_go_through_pgbouncer(behind, file):
    chosen = compose(BEHIND_PGBOUNCER=behind)
    ours = {name: service for name, service in chosen["services"].items() if service["image"] == "shop"}

    urls = {name: mounted_secrets(service, chosen)["database_url"] for name, service in ours.items()}
    told = {name: service["environment"].get("BEHIND_PGBOUNCER") for name, service in ours.items()}

    assert urls == dict.fromkeys(ours, "./secrets/database_url") | {"shop": f"./secrets/{file}"}
    assert told == dict.fromkeys(ours) | {"shop": behind == "true"}
    # Compose refuses to start a service that requires one of a profile that is not chosen.
    assert chosen["services"]["shop"]["depends_on"]["pgbouncer"]["required"] is (behind == "true")
    assert [name for name, each in chosen["services"].items() if each.get("profiles") == ["pgbouncer"]] == [
        "pgbouncer",
        "limits",
    ]


def test_the_secrets_of_compose_are_made_as_its_first_lines_say(tmp_path):
    lines = re.findall(r"^#   (.*)$", (ROOT / "compose.yaml").read_text(), flags=re.MULTILINE)
    script = "\n".join(re.sub(r"^(cd ..) && .*docker compose .*", r"\1", line) for line in lines)

    subprocess.run(["sh", "-euc", script], cwd=tmp_path, check=True)

    made = {f"./{path.relative_to(tmp_path)}": path.read_text().strip() for path in tmp_path.glob("secrets/*")}
    password = made["./secrets/database_password"]
    direct, pooled = (url.parse(made[f"./secrets/{name}"]) for name in ("database_url", "pgbouncer_url"))
    assert set(made) == {secret["file"] for secret in COMPOSE["secrets"].values()}
    assert made["./secrets/pgbouncer_users"] == f'"shop" "{password}"'
    assert pooled == direct | {"HOST": "pgbouncer", "PORT": 6432}
    assert (direct["HOST"], direct["USER"], direct["NAME"], direct["PASSWORD"]) == (
        "database",
        "shop",
        "shop",
        password,
    )


def test_pgbouncer_is_reached_and_finds_its_users_where_compose_says():
    service = COMPOSE["services"]["pgbouncer"]
    shipped = configparser.ConfigParser(interpolation=None)
    shipped.read(DEPLOY / "pgbouncer" / "pgbouncer.ini")

    assert dict(shipped["databases"]) == {"shop": "host=database port=5432"}
    assert f"--port={shipped['pgbouncer']['listen_port']}" in service["healthcheck"]["test"]
    assert shipped["pgbouncer"]["listen_port"] == "6432"
    assert shipped["pgbouncer"]["auth_file"].removeprefix("/run/secrets/") in service["secrets"]
    assert int(shipped["pgbouncer"]["max_client_conn"]) < service["ulimits"]["nofile"]


def test_each_file_that_compose_mounts_is_there():
    mounts = [volume for each in COMPOSE["services"].values() for volume in each.get("volumes", [])]
    files = {volume.partition(":")[0] for volume in mounts if volume.startswith("./deploy/")}

    assert files == {"./deploy/nginx/shop.conf", "./deploy/pgbouncer/pgbouncer.ini", "./deploy/pgbouncer/limits.sql"}
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_the_units_of_systemd_set_known_variables():
    units = [unit.read_text() for unit in (DEPLOY / "systemd").glob("*.service")]

    for unit in units:
        names = re.findall(r"\b([A-Z_]+)=", " ".join(re.findall(r"^Environment=(.*)", unit, flags=re.MULTILINE)))

        assert unknown(names) == set()
        assert "DEBUG" in names
        assert "EnvironmentFile=/etc/shop/environment" in unit  # the other required ones
    assert len(units) == 3


@pytest.mark.parametrize("file", sorted(TERRAFORM.glob("**/*.tf")), ids=lambda file: file.name)
def test_terraform_sets_known_variables(file):
    text = file.read_text()
    names = re.findall(r'\bname\s*=\s*"([A-Z][A-Z_]+)"', text) + re.findall(
        r"^\s*([A-Z][A-Z_]+)\s*=", text, re.MULTILINE
    )

    assert unknown(names) == set()


def test_terraform_sets_what_is_required_and_runs_every_command():
    text = "\n".join(file.read_text() for file in sorted(TERRAFORM.glob("*.tf")))
    keys = set(re.findall(r"\b([A-Za-z_]+) *= ", text))

    assert keys >= REQUIRED | {"EMAIL_URL", "TRUSTED_PROXIES"}
    assert commands_in(text) == {"migrate", "create_roles"}
    assert keys & set(get_commands()) == {"check_stock", "number_events", "purge", "send_mail_notices", "send_webhooks"}


def test_every_command_in_a_manifest_is_there():
    files = [ROOT / "compose.yaml", *BASE.glob("*.yaml")]

    commands = {command for file in files for command in commands_in(file.read_text())}
    commands |= set(re.findall(r'manage\.py", "(\w+)', (ROOT / "compose.yaml").read_text()))

    assert commands >= {"check_stock", "migrate", "number_events", "purge", "send_mail_notices", "send_webhooks"}
    assert commands - set(get_commands()) == set()


# A cluster that notes what is asked of it, and fails at the words in FAIL.
CLUSTER = """#!/bin/sh
[ "$1" = kustomize ] && exec kubectl "$@"
echo "$*" >> "$CALLS"
case "$*" in *$FAIL*) exit 1 ;; esac
"""


def deploy(folder, image, fail="nothing"):
    """Run deploy.sh; return its exit code and the commands that it gave."""
    cluster, calls = folder / "cluster", folder / "calls"
    cluster.write_text(CLUSTER)
    cluster.chmod(0o755)
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "KUBECTL": str(cluster), "CALLS": str(calls), "FAIL": fail}
    script = shutil.copytree(DEPLOY / "k8s", folder / "deploy" / "k8s") / "deploy.sh"
    process = subprocess.run([script, "production", image], env=environment, capture_output=True, text=True)
    return process.returncode, calls.read_text().splitlines()


needs_kubectl = pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")


@needs_kubectl
def test_a_deployment_migrates_before_it_starts_a_pod_of_the_new_version(tmp_path):
    digest = f"sha256:{64 * 'a'}"

    code, calls = deploy(tmp_path, f"registry.example/eu/shop@{digest}")

    applied = list(yaml.safe_load_all((tmp_path / "build/k8s/manifests.yaml").read_text()))
    images = {template_of(each)["spec"]["containers"][0]["image"] for each in workloads(applied)}
    verbs = [" ".join(word for word in call.split() if word in call.split()[:2] or "=" in word) for call in calls]
    assert code == 0
    assert images == {f"registry.example/eu/shop@{digest}"}
    assert verbs[:6] == [
        "apply --filename app.kubernetes.io/component=settings",
        "wait --namespace condition=Ready",
        "delete job/shop-migrate",
        "apply --filename app.kubernetes.io/component=migrate",
        "wait --namespace condition=Complete",
        "apply --filename",
    ]
    deployments = {each["metadata"]["name"] for each in applied if each["kind"] == "Deployment"}
    assert {call.split()[2] for call in calls[6:]} == {f"deployment/{name}" for name in deployments}


@needs_kubectl
def test_a_migration_that_fails_stops_the_deployment(tmp_path):
    code, calls = deploy(tmp_path, "registry.example/shop:2.0", fail="condition=Complete")

    assert (code, len(calls)) == (1, 5)
    assert "condition=Complete" in calls[-1]


def test_the_bill_of_materials_names_what_is_installed():
    script = (DEPLOY / "sbom.py").read_text()

    bill = json.loads(subprocess.run([sys.executable, "-"], input=script, capture_output=True, text=True).stdout)

    components = {each["purl"]: each for each in bill["components"]}
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert components[f"pkg:pypi/django@{django.__version__}"]["licenses"] == [{"license": {"name": "BSD-3-Clause"}}]
    assert len(components) == len(bill["components"]) > 50
