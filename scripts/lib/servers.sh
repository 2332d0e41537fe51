# shellcheck shell=bash
# Private servers on loopback: Redis with TLS and a user, PostgreSQL with
# TLS, PgBouncer in transaction mode before it, and an object storage that
# checks signatures (SeaweedFS). All they have lies in one folder, all ports
# are free ones, and nothing of an installed service is touched.
#
#   servers_start DIR [redis] [postgres] [pgbouncer] [storage]
#   servers_stop DIR; servers_remove DIR
#   server_start|stop|kill|pause|resume|restart DIR NAME   for fault tests
#   server_running DIR NAME
#
# DIR/env has the settings as KEY=value lines: FILOT_… for the commands,
# SERVERS_… what tests want besides. Starting again keeps ports, passwords
# and data. Each start waits until the server really answers. SERVERS_FSYNC=on
# makes PostgreSQL's data survive a power cut (tests do not need that);
# SERVERS_REDIS_APPENDFSYNC=everysec gives Redis its usual pace, at which a
# killed one may forget its last two seconds (the default here is always);
# SERVERS_REDIS_PLAIN=1 gives Redis a second port without TLS;
# FILOT_TEST_REDIS=/path/to/valkey-server, or of another Redis, is the server
# that is started (the default is redis-server, else valkey-server, of PATH).
# Needs common.sh and packages.sh.

SERVERS_WAIT_S=${SERVERS_WAIT_S:-60}
SERVERS_BUCKET=filot-documents

# ---- settings: DIR/env ----

# env_get DIR KEY: print the value, or nothing.
env_get() {
	sed -n "s/^$2=//p" "$1/env" 2>/dev/null
}

# env_set DIR KEY VALUE: replaced at once, so that a reader sees all or nothing.
env_set() {
	{
		grep -v "^$2=" "$1/env" 2>/dev/null || true
		printf '%s=%s\n' "$2" "$3"
	} >"$1/env.new"
	chmod 600 "$1/env.new"
	mv "$1/env.new" "$1/env"
}

# env_secret DIR KEY: the secret, made when it is not there yet.
env_secret() {
	[[ -n $(env_get "$1" "$2") ]] || env_set "$1" "$2" "$(secret_new)"
	env_get "$1" "$2"
}

# ---- certificates ----

# certificates_make DIR: our own CA with a certificate for localhost and
# 127.0.0.1, and another CA that signed nothing here, for tests.
certificates_make() {
	local dir=$1/tls name
	[[ ! -f $dir/server.crt ]] || return 0
	mkdir -p "$dir"
	for name in ca wrong-ca; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
			-subj "/CN=FiLot private $name" -keyout "$dir/$name.key" -out "$dir/$name.crt" \
			-addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign'
	done
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost \
		-keyout "$dir/server.key" -out "$dir/server.csr"
	openssl x509 -req -in "$dir/server.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" \
		-set_serial 1 -days 3650 -out "$dir/server.crt.new" -extfile <(
			printf '%s\n' 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
				'extendedKeyUsage=serverAuth' 'basicConstraints=CA:FALSE'
		)
	mv "$dir/server.crt.new" "$dir/server.crt"
	chmod 755 "$dir"
	chmod 644 "$dir"/*.crt
}

# ---- processes ----

# postgres refuses to run as root, pgbouncer too: then they run as the user
# postgres that their packages made. setpriv replaces itself by the program,
# so the process id is the program's own.
as_postgres() {
	if ((EUID == 0)); then
		setpriv --reuid=postgres --regid=postgres --init-groups "$@"
	else
		"$@"
	fi
}

owned_by_postgres() {
	((EUID != 0)) || chown -R postgres:postgres "$@"
}

# process_start_time PID: in clock ticks since boot; with the id it names a
# process for good, while an id alone may come again.
process_start_time() {
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	stat=${stat##*) }
	# shellcheck disable=SC2086 # split into fields: this is field 22 of stat
	set -- $stat
	[[ $1 != Z ]] && echo "${20}"
}

# process_launch DIR NAME COMMAND…: start in the background, in a session of
# its own, with the log in DIR/NAME/log; record which process it is.
process_launch() {
	local dir=$1 name=$2 pid
	shift 2
	# Files 3 and 4 are what bats waits for, 9 is a lock: not for a server.
	(cd "$dir/$name" && exec setsid "$@") </dev/null >>"$dir/$name/log" 2>&1 3>&- 4>&- 9>&- &
	pid=$!
	echo "$pid $(process_start_time "$pid")" >"$dir/$name/pid"
	disown "$pid" 2>/dev/null || true
}

# server_pid DIR NAME: print the id if exactly that process still runs.
server_pid() {
	local pid start
	read -r pid start 2>/dev/null <"$1/$2/pid" || return 1
	[[ -n $start && $(process_start_time "$pid") == "$start" ]] && echo "$pid"
}

server_running() {
	server_pid "$1" "$2" >/dev/null
}

server_gone() {
	! server_running "$1" "$2"
}

# ---- one server ----

# server_start DIR NAME: on the port it had before, if there is one and it
# can be had, else on a free one.
server_start() {
	local dir=$1 name=$2 try
	[[ $name != pgbouncer ]] || server_running "$dir" postgres || server_start "$dir" postgres
	if server_running "$dir" "$name"; then
		return
	fi
	mkdir -p "$dir/$name"
	[[ -f $dir/env ]] || install -m 600 /dev/null "$dir/env"
	certificates_make "$dir" >"$dir/certificates.log" 2>&1 ||
		die "openssl could not make certificates" "read $dir/certificates.log"
	"${name}_prepare" "$dir"
	for try in 1 2 3 4 5; do
		if ((try > 2)); then
			rm -f "$dir/$name/port"* # somebody else has it: take others
		fi
		"${name}_launch" "$dir"
		if WAIT_WHILE="server_running '$dir' $name" \
			wait_for "$SERVERS_WAIT_S" "for $name to answer" "${name}_ping" "$dir"; then
			"${name}_env" "$dir"
			return
		fi
		server_kill "$dir" "$name"
	done
	printf '%s\n' "--- the last lines of $dir/$name/log:" >&2
	tail -n 20 "$dir/$name/log" >&2
	die "$name does not start" "the reason is above or in $dir/$name/log"
}

# server_port DIR NAME [WHICH]: the port kept for it, else a new free one.
server_port() {
	local file=$1/$2/port${3:+.$3}
	[[ -s $file ]] || port_free >"$file"
	cat "$file"
}

# server_signal DIR NAME SIGNAL: to the process, and where the signal is one
# that it cannot pass on itself, then also to its children.
server_signal() {
	local pid
	local -a pids
	pid=$(server_pid "$1" "$2") || return 0
	pids=("$pid")
	if [[ $3 == STOP || $3 == CONT || $3 == KILL ]]; then
		mapfile -t -O 1 pids < <(pgrep -P "$pid")
	fi
	kill -s "$3" "${pids[@]}" 2>/dev/null || true
}

# server_forget DIR NAME: remove what a process that ended left behind.
server_forget() {
	local port
	rm -f "$1/$2/pid"
	if [[ $2 == storage ]]; then
		for port in "$1"/storage/port.*.grpc; do
			[[ ! -s $port ]] || rm -f /tmp/seaweedfs-*-grpc-"$(cat "$port")".sock
		done
	fi
}

# server_stop DIR NAME: ask it to end, with all data saved; kill it when it
# does not.
server_stop() {
	local dir=$1 name=$2 signal=TERM
	case $name in
	storage) signal=KILL ;;   # it would wait 15 s for itself; what it stored is with the kernel
	postgres) signal=INT ;;   # fast: does not wait for clients
	pgbouncer) signal=QUIT ;; # at once, in every version
	esac
	server_resume "$dir" "$name"
	server_signal "$dir" "$name" "$signal"
	wait_for 30 "for $name to end" server_gone "$dir" "$name" || server_kill "$dir" "$name"
	server_forget "$dir" "$name"
}

# server_kill DIR NAME: at once, as a crash would. For PostgreSQL that is
# its immediate shutdown: all processes end without a checkpoint, and the
# next start recovers from the log. (A SIGKILL of its main process alone
# would leave others running that hinder the next start.)
server_kill() {
	local dir=$1 name=$2
	server_resume "$dir" "$name"
	case $name in
	postgres)
		server_signal "$dir" "$name" QUIT
		wait_for 30 "for $name to end" server_gone "$dir" "$name" || server_signal "$dir" "$name" KILL
		;;
	*) server_signal "$dir" "$name" KILL ;;
	esac
	wait_for 30 "for $name to be gone" server_gone "$dir" "$name"
	server_forget "$dir" "$name"
}

# server_pause DIR NAME: it keeps its connections and answers nothing, as a
# host that is cut off does; server_resume lets it go on.
server_pause() {
	server_signal "$1" "$2" STOP
}

server_resume() {
	server_signal "$1" "$2" CONT
}

# server_restart DIR NAME: same port, same data.
server_restart() {
	server_stop "$1" "$2"
	server_start "$1" "$2"
}

# ---- Redis ----

redis_program() {
	if [[ -n ${FILOT_TEST_REDIS:-} ]]; then
		[[ -x $FILOT_TEST_REDIS ]] && echo "$FILOT_TEST_REDIS"
	else
		command -v redis-server || command -v valkey-server
	fi
}

redis_client() {
	local dir=$1
	shift
	REDISCLI_AUTH=$(env_get "$dir" SERVERS_REDIS_PASSWORD) timeout 10 \
		"$(command -v redis-cli || command -v valkey-cli)" -h localhost \
		-p "$(server_port "$dir" redis)" --tls --cacert "$dir/tls/ca.crt" \
		--user filot --no-auth-warning "$@"
}

# The address 127.0.0.2 is not in the certificate: tests connect to it to
# see a wrong host name refused.
#
# The user default cannot log in but has all rights: Redis loads its
# append-only file as that user, and one without rights loses all that scripts
# wrote (7.0: NOPERM at EXEC, in the log only).
redis_prepare() {
	local dir=$1 password
	redis_program >/dev/null || die "no Redis server is installed" \
		"install redis-server; FILOT_TEST_REDIS, where set, must name such a program"
	password=$(env_secret "$dir" SERVERS_REDIS_PASSWORD)
	mkdir -p "$dir/redis/data"
	cat >"$dir/redis/redis.conf" <<-END
		bind 127.0.0.1 -127.0.0.2 -::1
		tls-cert-file $dir/tls/server.crt
		tls-key-file $dir/tls/server.key
		tls-ca-cert-file $dir/tls/ca.crt
		tls-auth-clients no
		user default off ~* &* +@all
		user filot on >$password ~* &* +@all
		dir $dir/redis/data
		appendonly yes
		appendfsync ${SERVERS_REDIS_APPENDFSYNC:-always}
		save ""
		maxmemory-policy noeviction
	END
	chmod 600 "$dir/redis/redis.conf"
}

redis_launch() {
	local dir=$1 plain=0
	[[ ${SERVERS_REDIS_PLAIN:-0} == 0 ]] || plain=$(server_port "$dir" redis plain)
	process_launch "$dir" redis "$(redis_program)" "$dir/redis/redis.conf" \
		--port "$plain" --tls-port "$(server_port "$dir" redis)"
}

redis_ping() {
	[[ $(redis_client "$1" ping) == PONG ]]
}

redis_env() {
	local dir=$1 port login
	port=$(server_port "$dir" redis)
	login=filot:$(env_get "$dir" SERVERS_REDIS_PASSWORD)
	env_set "$dir" FILOT_REDIS_URL "rediss://$login@localhost:$port/0"
	env_set "$dir" FILOT_REDIS_CA "$dir/tls/ca.crt"
	env_set "$dir" SERVERS_REDIS_PORT "$port"
	[[ ${SERVERS_REDIS_PLAIN:-0} == 0 ]] ||
		env_set "$dir" SERVERS_REDIS_PLAIN_URL "redis://$login@localhost:$(server_port "$dir" redis plain)/0"
	env_set "$dir" SERVERS_REDIS_WRONG_HOST_URL "rediss://$login@127.0.0.2:$port/0"
	env_set "$dir" SERVERS_WRONG_CA "$dir/tls/wrong-ca.crt"
}

# ---- PostgreSQL ----

# postgres_bin: the folder of the newest installed version's programs. (Their
# order is that of their names: versions have two digits since 10.)
postgres_bin() {
	local -a found=(/usr/lib/postgresql/*/bin/postgres)
	if [[ -x ${found[-1]} ]]; then
		echo "${found[-1]%/*}"
	elif command -v pg_config >/dev/null && [[ -x $(pg_config --bindir)/postgres ]]; then
		pg_config --bindir
	else
		die "no PostgreSQL server is installed" "install the package postgresql"
	fi
}

# postgres_fresh DIR: a new cluster in DIR/postgres/data. One is kept as it is
# after initdb, with its superuser's password, because copying it takes a tenth
# of the time.
postgres_fresh() {
	local dir=$1 home=$1/postgres bin kept made
	bin=$(postgres_bin)
	kept=$DEPS_DIR/postgres-$("$bin/postgres" --version | cut -d' ' -f3)
	rm -rf "$home/data"
	if [[ -r $kept/password ]] && cp -a "$kept/data" "$home/data"; then
		env_set "$dir" SERVERS_DATABASE_ADMIN_PASSWORD "$(cat "$kept/password")"
		return
	fi
	rm -rf "$home/data"
	mkdir -p "$home/data"
	env_secret "$dir" SERVERS_DATABASE_ADMIN_PASSWORD >"$home/password"
	owned_by_postgres "$home"
	(cd "$home" && as_postgres "$bin/initdb" -D "$home/data" -U postgres -E UTF8 \
		--locale=C.UTF-8 -A scram-sha-256 --pwfile="$home/password" --no-sync) \
		>"$home/initdb.log" 2>&1 || die "initdb failed" \
		"read $home/initdb.log; the user postgres must be able to pass through all folders above"
	mkdir -p "$DEPS_DIR"
	made=$(mktemp -d "$kept.XXXXXX")
	if ! cp -a "$home/data" "$made/data" || ! mv "$home/password" "$made/password" || ! mv -T "$made" "$kept"; then
		rm -rf "$made" "$home/password" # another was quicker
	fi 2>/dev/null
}

postgres_prepare() {
	local dir=$1 home=$1/postgres
	env_secret "$dir" SERVERS_DATABASE_PASSWORD >/dev/null
	if [[ ! -f $home/data/ready ]]; then
		postgres_fresh "$dir"
		cat >>"$home/data/postgresql.conf" <<-END
			listen_addresses = '127.0.0.1, 127.0.0.2'
			ssl = on
			ssl_cert_file = '$home/server.crt'
			ssl_key_file = '$home/server.key'
			fsync = ${SERVERS_FSYNC:-off}
			full_page_writes = ${SERVERS_FSYNC:-off}
			shared_buffers = 32MB
			jit = off
			unix_socket_directories = '$(postgres_socket_dir "$dir")'
		END
		install -m 600 "$dir/tls/server.key" "$home/server.key"
		install -m 644 "$dir/tls/server.crt" "$home/server.crt"
		touch "$home/data/ready"
		owned_by_postgres "$home"
	fi
}

# A socket's path has at most 107 bytes; where the folder's name is too long
# there is none, and TCP serves alone.
postgres_socket_dir() {
	((${#1} > 80)) || echo "$1/postgres"
}

postgres_launch() {
	as_postgres_launch "$1" postgres "$(postgres_bin)/postgres" -D "$1/postgres/data" \
		-p "$(server_port "$1" postgres)"
}

as_postgres_launch() {
	local dir=$1 name=$2
	shift 2
	if ((EUID == 0)); then
		process_launch "$dir" "$name" setpriv --reuid=postgres --regid=postgres --init-groups "$@"
	else
		process_launch "$dir" "$name" "$@"
	fi
}

# postgres_admin DIR ARGUMENTS…: psql as the superuser, for set-up and tests.
postgres_admin() {
	local dir=$1
	shift
	PGPASSWORD=$(env_get "$dir" SERVERS_DATABASE_ADMIN_PASSWORD) PGCONNECT_TIMEOUT=5 \
		"$(postgres_bin)/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h 127.0.0.1 \
		-p "$(server_port "$dir" postgres)" -U postgres "$@"
}

# It answers when our user can log in; the first time that user is made.
postgres_ping() {
	local dir=$1 password
	[[ $(postgres_admin "$dir" -d postgres -c 'select 1') == 1 ]] || return 1
	[[ ! -f $dir/postgres/database ]] || return 0
	password=$(env_get "$dir" SERVERS_DATABASE_PASSWORD)
	if [[ -z $(postgres_admin "$dir" -d postgres -c "select 1 from pg_roles where rolname = 'filot'") ]]; then
		postgres_admin "$dir" -d postgres -c "create role filot login password '$password'" || return 1
	fi
	if [[ -z $(postgres_admin "$dir" -d postgres -c "select 1 from pg_database where datname = 'filot'") ]]; then
		postgres_admin "$dir" -d postgres -c 'create database filot owner filot' || return 1
	fi
	touch "$dir/postgres/database"
}

# database_url DIR PORT [HOST]
database_url() {
	printf 'postgresql://filot:%s@%s:%s/filot?sslmode=verify-full&sslrootcert=%s' \
		"$(env_get "$1" SERVERS_DATABASE_PASSWORD)" "${3:-localhost}" "$2" "$1/tls/ca.crt"
}

postgres_env() {
	local dir=$1 port
	port=$(server_port "$dir" postgres)
	env_set "$dir" FILOT_DATABASE_URL "$(database_url "$dir" "$port")"
	env_set "$dir" SERVERS_DATABASE_PORT "$port"
	env_set "$dir" SERVERS_DATABASE_WRONG_HOST_URL "$(database_url "$dir" "$port" 127.0.0.2)"
	env_set "$dir" SERVERS_WRONG_CA "$dir/tls/wrong-ca.crt"
}

# ---- PgBouncer ----

pgbouncer_program() {
	command -v pgbouncer || PATH=$PATH:/usr/sbin command -v pgbouncer
}

pgbouncer_prepare() {
	local dir=$1 home=$1/pgbouncer
	pgbouncer_program >/dev/null || die "PgBouncer is not installed" "install the package pgbouncer"
	printf '"filot" "%s"\n' "$(env_get "$dir" SERVERS_DATABASE_PASSWORD)" >"$home/users"
	cat >"$home/pgbouncer.ini" <<-END
		[databases]
		* = host=127.0.0.1 port=$(server_port "$dir" postgres)
		[pgbouncer]
		listen_addr = 127.0.0.1
		listen_port = $(server_port "$dir" pgbouncer)
		unix_socket_dir =
		auth_type = scram-sha-256
		auth_file = $home/users
		pool_mode = transaction
		default_pool_size = 4
		ignore_startup_parameters = extra_float_digits
		client_tls_sslmode = allow
		client_tls_cert_file = $home/server.crt
		client_tls_key_file = $home/server.key
	END
	install -m 600 "$dir/tls/server.key" "$home/server.key"
	install -m 644 "$dir/tls/server.crt" "$home/server.crt"
	chmod 600 "$home/users"
	owned_by_postgres "$home"
}

pgbouncer_launch() {
	local port
	port=$(server_port "$1" pgbouncer)
	sed -i "s/^listen_port = .*/listen_port = $port/" "$1/pgbouncer/pgbouncer.ini"
	as_postgres_launch "$1" pgbouncer "$(pgbouncer_program)" "$1/pgbouncer/pgbouncer.ini"
}

pgbouncer_ping() {
	[[ $(PGCONNECT_TIMEOUT=5 "$(postgres_bin)/psql" -X -A -t \
		-c 'select 1' "$(database_url "$1" "$(server_port "$1" pgbouncer)")") == 1 ]]
}

pgbouncer_env() {
	local dir=$1 port
	port=$(server_port "$dir" pgbouncer)
	env_set "$dir" SERVERS_DATABASE_POOLED_URL "$(database_url "$dir" "$port")"
	env_set "$dir" SERVERS_PGBOUNCER_PORT "$port"
}

# ---- object storage ----

storage_prepare() {
	local dir=$1 home=$1/storage
	seaweedfs_install
	mkdir -p "$home/data" "$home/log.d"
	cat >"$home/identities.json" <<-END
		{"identities": [{"name": "filot",
		  "credentials": [{"accessKey": "$(env_secret "$dir" FILOT_R2_ACCESS_KEY)",
		                   "secretKey": "$(env_secret "$dir" FILOT_R2_SECRET_KEY)"}],
		  "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}
	END
	chmod 600 "$home/identities.json"
}

# One process is master, volume server, filer and S3 gateway; each listens
# on a port for HTTP and one for gRPC, the latter also on a socket in /tmp
# that no option moves (server_forget removes it).
storage_launch() {
	local dir=$1 home=$1/storage part
	local -a options=()
	for part in master volume filer s3; do
		options+=("-$part.port=$(server_port "$dir" storage $part)"
		"-$part.port.grpc=$(server_port "$dir" storage $part.grpc)")
	done
	process_launch "$dir" storage "$(seaweedfs_path)" -logtostderr -config_dir "$home" server \
		-dir="$home/data" -ip=127.0.0.1 -ip.bind=127.0.0.1 "${options[@]}" \
		-master.telemetry=false -master.electionTimeout=1s -master.volumeSizeLimitMB=1024 \
		-volume.max=100 -volume.preStopSeconds=0 -volume.minFreeSpace=100MiB \
		-filer.localSocket="$home/filer.sock" -filer.disableDirListing \
		-s3 -s3.config="$home/identities.json" -s3.localSocket="$home/s3.sock" \
		-s3.port.https="$(server_port "$dir" storage https)" \
		-s3.cert.file="$dir/tls/server.crt" -s3.key.file="$dir/tls/server.key" \
		-s3.iam=false -s3.autoCreateBucket=false -s3.port.iceberg=0 -s3.port.lance=0
}

# s3_request DIR PATH CURL-OPTIONS…: a signed request with the right key.
# The key goes in by a file, where other users' process lists cannot see it.
s3_request() {
	local dir=$1 path=$2
	shift 2
	curl -q --silent --show-error --max-time 20 --aws-sigv4 aws:amz:auto:s3 \
		-K <(printf 'user = "%s:%s"\n' "$(env_get "$dir" FILOT_R2_ACCESS_KEY)" \
			"$(env_get "$dir" FILOT_R2_SECRET_KEY)") \
		-H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \
		"$@" "http://127.0.0.1:$(server_port "$dir" storage s3)$path"
}

# It answers when a signed write and read go through: the gateway is up
# some time before the volumes behind it are.
storage_ping() {
	local dir=$1 key=/$SERVERS_BUCKET/.ping
	s3_request "$dir" "/$SERVERS_BUCKET" --fail -o /dev/null -I ||
		s3_request "$dir" "/$SERVERS_BUCKET" --fail -o /dev/null -X PUT || return 1
	s3_request "$dir" "$key" --fail -o /dev/null -X PUT --data-binary ping || return 1
	[[ $(s3_request "$dir" "$key" --fail) == ping ]] || return 1
	s3_request "$dir" "$key" --fail -o /dev/null -X DELETE
}

storage_env() {
	local dir=$1
	env_set "$dir" FILOT_R2_ENDPOINT "http://127.0.0.1:$(server_port "$dir" storage s3)"
	env_set "$dir" FILOT_R2_BUCKET "$SERVERS_BUCKET"
	env_set "$dir" SERVERS_R2_HTTPS_ENDPOINT "https://localhost:$(server_port "$dir" storage https)"
	env_set "$dir" SERVERS_STORAGE_PORT "$(server_port "$dir" storage s3)"
}

# ---- all of them ----

servers_start() {
	local dir=$1 name
	shift
	mkdir -p "$dir"
	chmod 711 "$dir"
	for name in "$@"; do
		server_start "$dir" "$name"
	done
}

servers_stop() {
	local name
	for name in pgbouncer redis storage postgres; do
		[[ ! -d $1/$name ]] || server_stop "$1" "$name"
	done
}

# servers_remove DIR: end them at once and delete all they had.
servers_remove() {
	local name
	[[ -d $1 ]] || return 0
	for name in pgbouncer redis storage postgres; do
		[[ ! -d $1/$name ]] || server_kill "$1" "$name"
	done
	rm -rf "$1"
}
