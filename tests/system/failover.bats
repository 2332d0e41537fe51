#!/usr/bin/env bats
# Redis with replicas: what --durable promises, and that senders and workers go on when another server becomes the master,
# be it behind the same address, one of several in the URL, or found by Sentinel; and Redis Cluster.
# shellcheck disable=SC2154,SC2030,SC2031 # status, output and stderr are bats'; a test is a subshell on purpose

bats_require_minimum_version 1.5.0
load helper

setup_file() {
	servers_setup postgres
}

teardown_file() {
	servers_teardown
}

setup() {
	export FILOT_QUEUE_NAME=failover FILOT_REDIS_CA=
	cd "$BATS_TEST_TMPDIR" || return 1
	word=$FILOT_ROOT/tests/data/word.png
	node_start one
	one=$port
}

teardown() {
	background_end
}

# node_start NAME [FLAGS…]: a server without data on a free port, in $port, its process id in $node
node_start() {
	local name=$1 try
	shift
	mkdir "$name"
	for try in 1 2 3; do # a cluster's node takes a second port, 10,000 above
		port=$(port_free)
		"$(redis_program)" --port "$port" --bind 127.0.0.1 --save '' --dir "$PWD/$name" --repl-diskless-sync-delay 0 \
			"$@" >"$name/log" 3>&- &
		node=$!
		WAIT_WHILE="kill -0 $node" wait_for 10 "node $name to answer" redis-cli -p "$port" ping && return
	done
	return 1
}

# replica_start NAME MASTER-PORT [N]: the Nth of them
replica_start() {
	node_start "$1" --replicaof 127.0.0.1 "$2"
	wait_for 20 "$1 to follow" bash -c "redis-cli -p $port info replication | grep -q master_link_status:up"
	wait_for 20 "$1 to acknowledge" bash -c "[ \"\$(redis-cli -p $2 wait ${3:-1} 100)\" -ge ${3:-1} ]"
}

# say_jobs FIRST LAST: to the sender that reads descriptor 7, each with a key of its own
say_jobs() {
	local number
	for number in $(seq "$1" "$2"); do printf '{"uri":"file:%s","key":"k%d"}\n' "$word" "$number"; done >&7
}

# sender_has_sent COUNT: $sender has ended well, and has a receipt for each
sender_has_sent() {
	wait "$sender" || {
		cat log
		false
	}
	[ "$(grep -cE '"status":"(queued|duplicate)"' receipts)" -eq "$1" ]
}

# sentinels_start MASTER-PORT REPLICAS: three of them, which agree that the master "filot" and its replicas are there;
# their ports in $sentinels, their process ids in $watchers
sentinels_start() {
	local name
	sentinels=()
	watchers=()
	for name in s1 s2 s3; do
		sentinel_start "$name" "$1" 2
		sentinels+=("$port")
		watchers+=("$node")
	done
	for port in "${sentinels[@]}"; do
		wait_for 30 "the Sentinel at $port to know all" bash -c "redis-cli -p $port sentinel master filot | xargs |
			grep -q 'num-slaves $2 num-other-sentinels 2'"
	done
}

# sentinel_start NAME MASTER-PORT QUORUM [LINES OF ITS CONFIGURATION…]
sentinel_start() {
	local name=$1
	port=$(port_free)
	mkdir "$name"
	printf '%s\n' "port $port" 'bind 127.0.0.1' "dir $PWD/$name" "sentinel monitor filot 127.0.0.1 $2 $3" \
		'sentinel down-after-milliseconds filot 1000' 'sentinel failover-timeout filot 5000' "${@:4}" >"$name/conf"
	"$(redis_program)" "$name/conf" --sentinel >"$name/log" 3>&- &
	node=$!
	wait_for 10 "Sentinel $name to answer" redis-cli -p "$port" ping
}

# proxy_start PORT: before that port; FILOT_REDIS_URL is its address, its commands go to descriptor 6
proxy_start() {
	mkfifo commands
	python3 "$FILOT_ROOT/tests/system/cut_proxy.py" "$1" proxy.port <commands 3>&- &
	exec 6>commands
	wait_for 20 'the proxy' test -s proxy.port
	FILOT_REDIS_URL=redis://127.0.0.1:$(cat proxy.port)
	export FILOT_REDIS_URL
}

# at PORT: how many jobs wait there
at() {
	FILOT_REDIS_URL=redis://127.0.0.1:$1 waiting
}

# rows_are N: so many jobs are done
rows_are() {
	[ "$(sql "select count(*) from jobs where state = 'done'")" -eq "$1" ]
}

@test "--durable is refused where nothing is kept: 78, and no job is sent" {
	run -78 --separate-stderr filot-enqueue --durable --redis-url "redis://127.0.0.1:$one" r2://bucket/1
	[[ $stderr == *appendonly* ]]
	[ "$(at "$one")" -eq 0 ]
}

@test "--durable with too few replicas: 69, and no job is sent" {
	run -69 --separate-stderr filot-enqueue --durable --replicas 1 --redis-url "redis://127.0.0.1:$one" r2://bucket/1
	[[ $stderr == *'0 of the 1 replicas'* ]]
	[ "$(at "$one")" -eq 0 ]
}

@test "--durable with an append-only file that is written before each answer needs no replica" {
	node_start safe --appendonly yes --appendfsync always
	filot-enqueue --durable --redis-url "redis://127.0.0.1:$port" r2://bucket/1 | jq -e '.status == "queued"'
	kill -KILL "$node"
	wait "$node" || true
	mv safe kept
	node_start safe --appendonly yes --dir "$PWD/kept"
	[ "$(at "$port")" -eq 1 ]
}

@test "--durable with an append-only file that is written every second waits for it, where the server can tell (7.2)" {
	node_start safe --appendonly yes --appendfsync everysec
	if [[ $(redis-cli -p "$port" command info waitaof) != *waitaof* ]]; then
		run -78 --separate-stderr filot-enqueue --durable --redis-url "redis://127.0.0.1:$port" r2://bucket/1
		[[ $stderr == *'appendfsync always'* ]]
		return
	fi
	seq 1500 | sed 's|.*|r2://bucket/&|' | filot-enqueue --durable --redis-url "redis://127.0.0.1:$port" >receipts
	kill -KILL "$node"
	wait "$node" || true
	[ "$(grep -c '"status":"queued"' receipts)" -eq 1500 ]
	mv safe kept
	node_start safe --appendonly yes --dir "$PWD/kept"
	[ "$(at "$port")" -eq 1500 ]
}

@test "--durable: with each receipt the replicas have the job" {
	replica_start two "$one"
	seq 3000 | sed 's|.*|{"uri":"r2://bucket/&"}|' |
		filot-enqueue --durable --replicas 1 --redis-url "redis://127.0.0.1:$one" >receipts
	[ "$(grep -c '"status":"queued"' receipts)" -eq 3000 ]
	[ "$(at "$port")" -eq 3000 ]
}

@test "a replica that stops answering: refused, 69; sent again with the key it is one job" {
	replica_start two "$one"
	url=redis://127.0.0.1:$one
	mkfifo lines
	filot-enqueue --durable --replicas 1 --wait 1500ms --redis-url "$url" --key-from uri <lines >receipts 2>log 3>&- &
	sender=$!
	exec 7>lines
	echo r2://bucket/1 >&7
	wait_for 10 'the first receipt' test -s receipts
	kill -STOP "$node"
	echo r2://bucket/2 >&7
	status=0
	wait "$sender" || status=$?
	exec 7>&-
	kill -CONT "$node"
	[ "$status" -eq 69 ]
	[ "$(jq -r .status receipts | xargs)" = 'queued refused' ]
	jq -se '.[1].error.code == "unavailable"' receipts
	run -0 --separate-stderr filot-enqueue --durable --replicas 1 --wait 20s --redis-url "$url" --key-from uri r2://bucket/2
	[ "$(jq -r '.status + .job' <<<"$output")" = "duplicate$(sed -n 2p receipts | jq -r .job)" ]
	[ "$(at "$one")" -eq 2 ]
	[ "$(at "$port")" -eq 2 ]
}

@test "the master killed and a replica promoted: every job with a receipt is there, and is read" {
	database_new
	filot-migrate up --dir "$FILOT_ROOT/migrations" >/dev/null
	master=$node
	replica_start two "$one"
	two=$port
	replica_start three "$one" 2
	three=$port
	proxy_start "$one"
	mkfifo lines
	filot-enqueue --durable --replicas 2 --wait 60s --batch 10 --key-from uri <lines >receipts 2>log 3>&- 6>&- &
	sender=$!
	exec 7>lines
	say_jobs 1 60
	wait_for 20 'the first receipts' test -s receipts
	kill -KILL "$master"
	say_jobs 61 90
	exec 7>&-
	redis-cli -p "$two" replicaof no one
	redis-cli -p "$three" replicaof 127.0.0.1 "$two"
	replica_start four "$two"
	echo "target $two" >&6
	sender_has_sent 90
	[ "$(at "$two")" -eq 90 ]
	filot-ocr-gpu --queue --once --jobs 2 --allow-file "$FILOT_ROOT/tests/data" 2>worker.log
	[ "$(sql "select count(*) from jobs where state = 'done'")" -eq 90 ]
	[ "$(sql 'select string_agg(id, chr(10) order by id) from jobs')" = "$(jq -r .job receipts | sort)" ]
}

@test "a master that becomes a replica is left: the waiting worker and the sender go to the other one of the URL" {
	database_new
	filot-migrate up --dir "$FILOT_ROOT/migrations" >/dev/null
	replica_start two "$one"
	two=$port
	export FILOT_REDIS_URL=redis://127.0.0.1:$one,127.0.0.1:$two
	filot-ocr-gpu --queue --worker w --allow-file "$FILOT_ROOT/tests/data" 2>worker.log 3>&- &
	worker=$!
	wait_for 30 'the worker' grep -q '"event":"ready"' worker.log
	filot-enqueue "$word" >/dev/null
	mkfifo lines
	filot-enqueue --wait 60s <lines >receipts 2>log 3>&- &
	sender=$!
	exec 7>lines
	echo "$word" >&7
	wait_for 10 'the first receipt' test -s receipts
	redis-cli -p "$two" replicaof no one
	redis-cli -p "$one" replicaof 127.0.0.1 "$two"
	echo "$word" >&7
	exec 7>&-
	wait "$sender" || {
		cat log
		false
	}
	[ "$(grep -c '"status":"queued"' receipts)" -eq 2 ]
	wait_for 60 'the last row' rows_are 3
	wait_for 10 'the last job to be acknowledged' test "$(at "$two")" -eq 0
	kill -TERM "$worker"
	wait "$worker"
}

@test "Sentinel: when the master dies, sender and worker find its successor, and every job with a receipt is done" {
	database_new
	filot-migrate up --dir "$FILOT_ROOT/migrations" >/dev/null
	master=$node
	replica_start two "$one"
	replica_start three "$one" 2
	sentinels_start "$one" 2
	kill -KILL "${watchers[0]}" # the others are asked
	export FILOT_REDIS_URL="redis+sentinel://127.0.0.1:${sentinels[0]},127.0.0.1:${sentinels[1]},127.0.0.1:${sentinels[2]}/filot"
	filot-ocr-gpu --queue --worker w --jobs 2 --allow-file "$FILOT_ROOT/tests/data" 2>worker.log 3>&- &
	worker=$!
	wait_for 30 'the worker' grep -q '"event":"ready"' worker.log
	mkfifo lines
	filot-enqueue --durable --replicas 1 --wait 60s --batch 10 <lines >receipts 2>log 3>&- &
	sender=$!
	exec 7>lines
	say_jobs 1 40
	wait_for 20 'the first receipts' test -s receipts
	kill -KILL "$master"
	say_jobs 41 60
	exec 7>&-
	sender_has_sent 60
	wait_for 60 'the last row' rows_are 60
	[ "$(sql 'select string_agg(id, chr(10) order by id) from jobs')" = "$(jq -r .job receipts | sort)" ]
	kill -TERM "$worker"
	wait "$worker"
	[ "$(redis-cli -p "${sentinels[1]}" sentinel get-master-addr-by-name filot | sed -n 2p)" != "$one" ]
}

@test "a Sentinel that wants a password gets the URL's; a name that it does not watch is 78" {
	node_start locked --requirepass secret
	sentinel_start s1 "$port" 1 'requirepass secret' 'sentinel auth-pass filot secret'
	filot-enqueue --redis-url "redis+sentinel://:secret@127.0.0.1:$port/filot" r2://bucket/1 | jq -e '.status == "queued"'
	run -77 --separate-stderr filot-enqueue --redis-url "redis+sentinel://:wrong@127.0.0.1:$port/filot" r2://bucket/1
	run -78 --separate-stderr filot-enqueue --redis-url "redis+sentinel://:secret@127.0.0.1:$port/other" r2://bucket/1
	[[ $stderr == *'watches no master named'* && $stderr != *secret* ]]
}

# cluster_start: three nodes that share the slots; their ports in $nodes, the queue's slot in $slot, in $from the port of
# the node that has it and in $to that of another one, their ids in $from_id and $to_id, the first one's process in $holder
cluster_start() {
	local name processes=()
	nodes=()
	for name in n1 n2 n3; do
		node_start "$name" --cluster-enabled yes --cluster-node-timeout 2000
		nodes+=("$port")
		processes+=("$node")
	done
	redis-cli --cluster create "${nodes[@]/#/127.0.0.1:}" --cluster-yes >create.log
	for port in "${nodes[@]}"; do
		wait_for 30 "the node at $port to know all slots" bash -c "redis-cli -p $port cluster info | grep -q cluster_state:ok"
	done
	slot=$(redis-cli -p "$port" cluster keyslot 'filot:{failover}:jobs')
	from=${nodes[slot > 10922 ? 2 : slot > 5460]}
	holder=${processes[slot > 10922 ? 2 : slot > 5460]}
	to=${nodes[slot > 5460 ? 0 : 1]}
	from_id=$(redis-cli -p "$from" cluster myid)
	to_id=$(redis-cli -p "$to" cluster myid)
}

# claim_idle PORT: for how many ms the only claim was not renewed, at a node that the slot may still be moving to
claim_idle() {
	printf 'asking\nxpending filot:{failover}:jobs workers - + 1\n' | redis-cli -p "$1" | sed -n 4p
}

claimed_at() {
	[ -n "$(claim_idle "$1")" ]
}

# renewed_at PORT: the claim is less idle than it was at the last look
renewed_at() {
	local before=$idle
	idle=$(claim_idle "$1")
	[ "$idle" -lt "$before" ]
}

@test "Redis Cluster: while the queue's slot moves leases are kept and senders wait, then all go on at the new node" {
	database_new
	filot-migrate up --dir "$FILOT_ROOT/migrations" >/dev/null
	cluster_start
	export FILOT_REDIS_URL=redis://127.0.0.1:$to # which sends everybody to the other one, as yet
	filot-ocr-gpu --queue --worker w --jobs 1 --visibility 2s --allow-file "$FILOT_ROOT/tests/data" 2>worker.log 3>&- &
	worker=$!
	wait_for 30 'the worker' grep -q '"event":"ready"' worker.log
	mapfile -t readers < <(pgrep -P "$worker" filot-reader)
	kill -STOP "${readers[@]}"
	filot-enqueue "$word" >receipts
	wait_for 20 'the claim' claimed_at "$from"

	redis-cli -p "$to" cluster setslot "$slot" importing "$from_id"
	redis-cli -p "$from" cluster setslot "$slot" migrating "$to_id"
	mapfile -t keys < <(redis-cli -p "$from" cluster getkeysinslot "$slot" 100)
	redis-cli -p "$from" migrate 127.0.0.1 "$to" '' 0 5000 keys "${keys[@]}"
	filot-enqueue --wait 60s "$word" >>receipts 2>log 3>&- &
	sender=$!
	wait_for 20 'the sender to be told to wait' grep -qE 'TRYAGAIN|ASK' log
	idle=$(claim_idle "$to")
	wait_for 20 'the claim to be renewed where it is now' renewed_at "$to"
	wait_for 20 'the claim to be renewed again' renewed_at "$to"
	kill -0 "$sender"

	redis-cli -p "$to" cluster setslot "$slot" node "$to_id"
	redis-cli -p "$from" cluster setslot "$slot" node "$to_id"
	kill -CONT "${readers[@]}"
	wait "$sender"
	wait_for 60 'the last row' rows_are 2
	[ "$(sql 'select max(attempt) from jobs')" -eq 1 ]
	[ "$(grep -c '"status":"queued"' receipts)" -eq 2 ]
	kill -TERM "$worker"
	wait "$worker"
}

# cluster_replicas N: so many more nodes follow the one that has the queue's slot; their ports in $heirs
cluster_replicas() {
	local number
	heirs=()
	for ((number = 1; number <= $1; number++)); do
		node_start "heir$number" --cluster-enabled yes --cluster-node-timeout 2000
		redis-cli --cluster add-node "127.0.0.1:$port" "127.0.0.1:$from" --cluster-slave --cluster-master-id "$from_id" >>create.log
		wait_for 30 "heir $number to follow" bash -c "redis-cli -p $port info replication | grep -q master_link_status:up"
		heirs+=("$port")
	done
	# who has not heard of the other one yet would not follow it later
	for port in "${nodes[@]}" "${heirs[@]}"; do
		wait_for 30 "the node at $port to know all" bash -c "redis-cli -p $port cluster info |
			grep -q 'cluster_known_nodes:$((${#nodes[@]} + ${#heirs[@]}))'"
	done
}

# promoted: one of $heirs is a master now, its port in $heir
promoted() {
	for heir in "${heirs[@]}"; do
		[ "$(redis-cli -p "$heir" role | head -n 1)" != master ] || return 0
	done
	return 1
}

@test "Redis Cluster: a master killed with jobs in flight: a replica is promoted, and every job with a receipt is done once" {
	database_new
	filot-migrate up --dir "$FILOT_ROOT/migrations" >/dev/null
	cluster_start
	cluster_replicas 2
	export FILOT_REDIS_URL=redis://127.0.0.1:$from,127.0.0.1:$to
	filot-ocr-gpu --queue --worker w --jobs 2 --visibility 3s --allow-file "$FILOT_ROOT/tests/data" 2>worker.log 3>&- &
	worker=$!
	wait_for 30 'the worker' grep -q '"event":"ready"' worker.log
	mapfile -t readers < <(pgrep -P "$worker" filot-reader)
	kill -STOP "${readers[@]}"
	mkfifo lines
	filot-enqueue --durable --replicas 1 --wait 90s --batch 10 <lines >receipts 2>log 3>&- &
	sender=$!
	exec 7>lines
	say_jobs 1 40
	wait_for 20 'the first receipts' test -s receipts
	wait_for 20 'jobs in flight' claimed_at "$from"
	kill -KILL "$holder"
	kill -CONT "${readers[@]}"
	say_jobs 41 60
	exec 7>&-
	wait_for 60 'a replica to be promoted' promoted
	sender_has_sent 60
	wait_for 90 'the last row' rows_are 60
	[ "$(sql 'select string_agg(id, chr(10) order by id) from jobs')" = "$(jq -r .job receipts | sort)" ]
	wait_for 30 'the last job to be acknowledged' test "$(at "$heir")" -eq 0
	kill -TERM "$worker"
	wait "$worker"
}
