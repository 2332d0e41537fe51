# shellcheck shell=bash source-path=SCRIPTDIR
# For the tests of the deployment: AWS by moto_server.py and an image registry,
# both on loopback, the AWS CLI and both from build/deps/aws (aws_install).
# setup_file: aws_start; teardown_file: aws_stop. In a test, $AWS_CONTROL is
# the folder of moto_server.py's faults.

FILOT_ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
# shellcheck source=../../scripts/lib/common.sh
source "$FILOT_ROOT/scripts/lib/common.sh"
# shellcheck source=../../scripts/lib/packages.sh
source "$FILOT_ROOT/scripts/lib/packages.sh"
# shellcheck source=../../scripts/lib/servers.sh
source "$FILOT_ROOT/scripts/lib/servers.sh"

aws_start() {
	local port registry
	aws_install
	AWS_TEST_DIR=$(temp_dir test-aws)
	AWS_CONTROL=$AWS_TEST_DIR/control
	PATH=$AWS_TEST_DIR/bin:$PATH
	mkdir -p "$AWS_CONTROL" "$AWS_TEST_DIR"/{bin,cli,moto} "$AWS_TEST_DIR/registry/data"
	cc -O1 -o "$AWS_TEST_DIR/bin/aws" "$FILOT_ROOT/tests/aws/aws_call.c"
	port=$(port_free)
	export AWS_TEST_DIR AWS_CONTROL PATH FILOT_ROOT AWS_WARM_SOCKET=$AWS_TEST_DIR/cli/socket
	export AWS_ENDPOINT_URL=http://127.0.0.1:$port AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_CONFIG_FILE=/dev/null
	export AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_MAX_ATTEMPTS=1 AWS_EC2_METADATA_DISABLED=true
	# Moto's own account; waits that a test can afford.
	export AWS_ACCOUNT_ID=123456789012 WAIT_INTERVAL_S=0.1 WAIT_TIMEOUT_S=120 NETWORK_PATIENCE_S=2 AWS_DEFAULT_REGION=ap-southeast-2
	export BASE_DIGEST=sha256:0000000000000000000000000000000000000000000000000000000000000000 SNAPSHOT=20261121T120000Z
	jq '.containerDefinitions[].secrets[].valueFrom | split("/") | "filot/" + last' "$FILOT_ROOT"/infra/ecs/*-task.json |
		jq -s unique >"$AWS_TEST_DIR/moto/secrets"
	process_launch "$AWS_TEST_DIR" moto "$(aws_tools_bin)/python" "$FILOT_ROOT/tests/aws/moto_server.py" "$port" "$AWS_CONTROL" \
		"$AWS_TEST_DIR/moto/secrets" "$AWS_TEST_DIR/moto/settings"
	process_launch "$AWS_TEST_DIR" cli "$(aws_tools_bin)/python" "$FILOT_ROOT/tests/aws/aws_warm.py" "$AWS_TEST_DIR/cli/socket"
	registry=$(port_free)
	cat >"$AWS_TEST_DIR/registry/config.yml" <<-END
		version: 0.1
		log: {level: warn}
		storage: {filesystem: {rootdirectory: $AWS_TEST_DIR/registry/data}}
		http: {addr: "127.0.0.1:$registry"}
	END
	process_launch "$AWS_TEST_DIR" registry docker-registry serve "$AWS_TEST_DIR/registry/config.yml"
	export REGISTRY=127.0.0.1:$registry
	aws_ready cli test -S "$AWS_TEST_DIR/cli/socket"
	aws_ready moto test -e "$AWS_TEST_DIR/moto/settings"
	aws_ready registry port_busy "$registry"
	set -a
	# shellcheck disable=SC1091 # just made
	source "$AWS_TEST_DIR/moto/settings"
	set +a
	DEPLOY_RECORD=$AWS_TEST_DIR/kept-record.json
	export DEPLOY_RECORD
}

# aws_ready NAME COMMAND…: wait until COMMAND says so; its log when it dies.
aws_ready() {
	local name=$1
	shift
	WAIT_WHILE="server_running '$AWS_TEST_DIR' $name" wait_for 120 "$name" "$@" || {
		tail -n 20 "$AWS_TEST_DIR/$name/log" >&2
		return 1
	}
}

aws_stop() {
	server_signal "$AWS_TEST_DIR" moto KILL
	server_signal "$AWS_TEST_DIR" registry KILL
	server_signal "$AWS_TEST_DIR" cli KILL
	[[ -n ${FILOT_KEEP:-} ]] || rm -rf "$AWS_TEST_DIR"
}

# shellcheck disable=SC2034 # digest is for the tests
# image_put REPOSITORY TAG: an image of one small file in the registry, by
# the registry's own protocol; its digest in $digest.
image_put() {
	local url=http://$REGISTRY/v2/$1 file=$AWS_TEST_DIR/blob blob config manifest kind
	for kind in config layer; do
		if [[ $kind == config ]]; then
			printf '{"architecture":"amd64","os":"linux","config":{"Labels":{"tag":"%s"}},"rootfs":{"type":"layers","diff_ids":[]}}' "$2" >"$file"
		else
			printf 'layer %s' "$2" >"$file"
		fi
		blob=sha256:$(sha256sum "$file" | cut -d' ' -f1)
		upload=$(curl -qsS -o /dev/null -D - -X POST "$url/blobs/uploads/" | sed -n 's/\r$//; s/^location: //Ip')
		curl -qsSf -o /dev/null -X PUT -H 'Content-Type: application/octet-stream' --data-binary @"$file" "$upload&digest=$blob"
		[[ $kind == layer ]] || config="\"digest\":\"$blob\",\"size\":$(stat -c %s "$file")"
	done
	manifest="{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",$config},\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"$blob\",\"size\":$(stat -c %s "$file")}]}"
	curl -qsSf -o /dev/null -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data "$manifest" "$url/manifests/$2"
	digest=sha256:$(printf %s "$manifest" | sha256sum | cut -d' ' -f1)
}

# account_keep: in setup_file: each test starts from what is there now.
account_keep() {
	curl -qsSf -X POST "$AWS_ENDPOINT_URL/filot/keep"
}

# account_again: in setup: the account as it was kept, its record, and no faults.
account_again() {
	rm -f "$AWS_CONTROL"/*
	curl -qsSf -X POST "$AWS_ENDPOINT_URL/filot/again"
	DEPLOY_RECORD=$BATS_TEST_TMPDIR/image-versions.json
	[[ ! -e $AWS_TEST_DIR/kept-record.json ]] || cp "$AWS_TEST_DIR/kept-record.json" "$DEPLOY_RECORD"
}

# contract_kept: in teardown: all requests and answers were such as the
# services' models allow.
contract_kept() {
	[[ ! -s $AWS_CONTROL/contract ]] || {
		sort -u "$AWS_CONTROL/contract"
		return 1
	}
}

# record FILTER: of the last deployment in the record.
record() {
	jq -r ".deployments[-1] | $1" "$DEPLOY_RECORD"
}

# deploy COMMAND…: the backend, or what DEPLOY names, with the tag one unless
# IMAGE_TAG says another.
deploy() {
	IMAGE_TAG=${IMAGE_TAG:-one} "$FILOT_ROOT/scripts/deploy-${DEPLOY:-backend}.sh" "$@"
}

# deployed TAG: a deployment that is known to work came before.
deployed() {
	image_put "filot-${DEPLOY:-backend}${DEPLOY:+-worker}" "$1"
	IMAGE_TAG=$1 deploy update >"$AWS_TEST_DIR/deployed.log" 2>&1 || {
		cat "$AWS_TEST_DIR/deployed.log"
		return 1
	}
}

# running: what ECS says of the service.
running() {
	local name=filot-${DEPLOY:-backend}
	aws ecs describe-services --cluster "$name-cluster" --services "$name-service" --query 'services[0].taskDefinition' --output text
}

# shellcheck disable=SC2154 # output is what run has set
lock_free() {
	run -0 deploy status
	[[ $output == *'lock:      free'* ]]
}
