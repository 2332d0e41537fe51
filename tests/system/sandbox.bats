#!/usr/bin/env bats
# What a decoder that a document has taken over can do: nothing beyond its own document. tests/sandbox/hostile_document.c
# attacks from inside of an otherwise real reader; each attack is followed by a document that must be none the worse.

bats_require_minimum_version 1.5.0
load helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export FILOT_READER=$FILOT_BUILD/tests/hostile-reader
	! ldd "$FILOT_READER" | grep -q libasan || skip "a sanitizer needs system calls of its own"
}

# attack FLAG… -- NAME…: "NAME CODE" for each, with a harmless document after each, which must come out as such.
attack() {
	local name flags=() files=()
	while [[ $1 != -- ]]; do
		flags+=("$1")
		shift
	done
	shift
	echo harmless >next
	for name in "$@"; do
		echo "$name" >"$name"
		files+=("$name" next)
	done
	filot-ocr-gpu -j 1 "${flags[@]}" "${files[@]}" >lines 2>log || true
	[ "$(jq -s length lines)" -eq $(($# * 2)) ]
	[ "$(jq -r 'select(.document == "next") | .error.code' lines | sort | uniq -c | xargs)" = "$# empty_document" ]
	jq -r 'select(.document != "next") | .document + " " + (.error.code // .status)' lines
}

@test "files are neither read nor written, and calls that a decoder does not need are deadly" {
	local tried=(read-a-secret read-the-environment list-a-folder create-a-file write-a-font remove-a-file
		write-the-document have-another-descriptor)
	diff - <(attack -- "${tried[@]}") < <(printf '%s corrupt_document\n' "${tried[@]}")
	tried=(make-a-memory-file make-a-socket make-a-local-socket take-the-next-request fork-without-end
		start-a-thread execute-a-shell kill-the-parent signal-the-parent-as-a-thread trace-the-parent make-code
		raise-a-limit ask-for-a-ring)
	diff - <(attack -- "${tried[@]}") < <(printf '%s internal\n' "${tried[@]}")
	[ "$(jq -r '.error.message' lines | grep -c 'SIGSYS')" -eq ${#tried[@]} ]
	[ ! -e /tmp/filot-hostile ]
}

@test "what is taken without end ends at its limit" {
	diff - <(attack --memory 300M -- take-memory-without-end) <<<"take-memory-without-end out_of_memory"
	diff - <(attack --max-output 1M -- send-a-frame-without-end) <<<"send-a-frame-without-end too_large"
	diff - <(attack -- write-bytes-without-end count-without-end) <<-'END'
		write-bytes-without-end internal
		count-without-end internal
	END
}

@test "processor time ends a document, also one that ignores the signal" {
	diff - <(attack --cpu-timeout 1 -- spin spin-in-spite-of-signals) <<-'END'
		spin timeout
		spin-in-spite-of-signals timeout
	END
	[ "$(jq -r '.error.message' lines | grep -c 'processor time')" -eq 2 ]
}

@test "wall time ends a document, and its processes with it" {
	diff - <(attack --timeout 6 -- spin sleep-without-end) <<-'END'
		spin timeout
		sleep-without-end timeout
	END
	[ "$(jq -r '.error.message' lines | grep -c 'within 6000 ms')" -eq 2 ]
	wait_for 5 'no hostile reader to be left' bash -c '! pgrep -f "^$0 --memory" >/dev/null' "$FILOT_READER"
}

@test "a process that goes on after its answer delays nobody" {
	diff - <(attack --cpu-timeout 60 --timeout 30 -- answer-and-spin close-the-socket-and-spin crash) <<-'END'
		answer-and-spin corrupt_document
		close-the-socket-and-spin internal
		crash internal
	END
	[ "$(jq -s 'map(.ms.total) | add' lines)" -lt 20000 ]
}

@test "the process that waits for a document costs none when it is killed, and ends with the worker" {
	local worker first second
	echo harmless >next
	mkfifo jobs
	filot-ocr-gpu --stdin -j 1 <jobs >lines 2>log 3>&- &
	worker=$!
	exec {jobs}>jobs
	answers() { # COUNT: so many documents have been read
		echo "{\"v\":1,\"uri\":\"file:$PWD/next\"}" >&"$jobs"
		wait_for 10 'a result' bash -c '[ "$(wc -l <lines)" -eq "$0" ]' "$1"
	}
	waiting() { # the one process of the one reader that has no document
		local reader
		reader=$(pgrep -P "$worker" -f "$FILOT_READER") && [ "$(pgrep -c -P "$reader")" -eq 1 ] && pgrep -P "$reader"
	}
	answers 1
	wait_for 10 'a process to wait' waiting
	first=$(waiting)
	kill -KILL "$first"
	answers 2
	[ "$(jq -r .error.code lines | xargs)" = "empty_document empty_document" ]
	wait_for 10 'the next process to wait' waiting
	second=$(waiting)
	[ "$second" != "$first" ]
	kill -KILL "$worker"
	exec {jobs}>&-
	wait_for 5 'the processes to end' bash -c '! kill -0 "$0" 2>/dev/null' "$second"
}

@test "what one document answered is not in the memory of the next one's process" {
	diff - <(attack -- leave-a-mark find-a-mark) <<-'END'
		leave-a-mark corrupt_document
		find-a-mark corrupt_document
	END
}

@test "a denied system call is named at --log-level debug" {
	FILOT_LOG_LEVEL=debug attack -- make-a-socket
	grep -h '"system_call_denied"' log | jq -e 'select(.name == "socket")'
}

@test "--no-sandbox lifts the fence, says so, and is refused where documents are strangers'" {
	diff - <(attack --no-sandbox -- read-a-secret make-a-socket) <<-'END'
		read-a-secret forbidden_uri
		make-a-socket forbidden_uri
	END
	jq -e 'select(.level == "warning" and .event == "no_sandbox")' log
	run filot-ocr-gpu --queue --no-sandbox --redis-url redis://localhost --database-url postgresql://localhost
	[ "$status" -eq 64 ]
	[[ $output == *FILOT_ALLOW_NO_SANDBOX* ]]
	FILOT_ALLOW_NO_SANDBOX=1 run filot-ocr-gpu --queue --no-sandbox --check-config \
		--redis-url redis://localhost --database-url postgresql://localhost
	[ "$status" -eq 0 ]
}
