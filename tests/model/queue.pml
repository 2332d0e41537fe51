/*
 * One job of the queue, two workers, one operator, crashes anywhere: does every schedule end with the job done once, or
 * dead with its reason?
 *
 * What a Lua script or one SQL statement does is atomic here; between two of them anything may happen: another process
 * runs, the worker crashes, or its claim expires (which stands for a freeze, a cut network, a slow document, or an
 * operator's release). The attempt and the delivery count of its entry are one number: each claim that is not a take-back
 * of a handed-back entry counts one more.
 *
 * The counter of takeovers (queue_finish.lua) only ever grows, so that it is as a worker saw it means that no claim has
 * changed hands since; that is one bit for each worker here, `unmoved`, cleared where a script increments the counter. In
 * the same way `mine_still` stands for the entry's id: a job that comes back has another one.
 *
 * Mutations that the check must catch (tests/model/check):
 *   ACK_BEFORE_COMMIT       acknowledge in Redis before the result is committed
 *   NO_FENCE                commit without comparing attempts
 *   RETRY_KEEPS_ENTRY       a retry is added to the delayed set in one step and its entry acknowledged in another
 *   REFILL_TAKES_FIRST      the job is taken from the backlog in one step and put in its stream in another
 *   REFILL_PUTS_FIRST       the other way round
 *   BATCH_WITHOUT_NAME      a batch whose answer was lost is put in the queue again
 *   TAKEOVER_NOT_COUNTED    a takeover leaves the counter as it is
 *   LEAVING_NOT_COUNTED     a worker that leaves hands back without counting
 *   TURN_FORGOTTEN          a tenant that has more in the backlog than its share gets no other turn
 *   TRIM_PAST_CLAIMS        a finish cuts the stream at the last entry given, not at the oldest claim
 *
 * Of priorities and tenants the model has what can lose a job: it may have to wait in the backlog when it comes, comes
 * back, or is promoted, in its tenant's list, which has its turn or not; a claim that is filled by others' jobs passes it
 * over, as often as it likes. When its turn comes is tests/unit/queue_fair_test.c's. What an operator drops or cancels is
 * lost on purpose and left out.
 */
#define MAX_ATTEMPTS 2
/* Crashes, claims that expire while their worker goes on, a worker that hands back its namesake's, a database away. */
#define MAX_FAULTS 3
#define HELD 9 /* the place-holder that handed-back entries belong to */

/* Redis: where the job is. It may be in two places only in a mutation; `copies` counts them. */
mtype = { ABSENT, BACKLOG, NOWHERE, QUEUED, PENDING, DELAYED, DEAD, GONE };
mtype place = ABSENT;
byte owner = 0; /* consumer name of who claimed it */
byte deliveries = 0; /* the attempt of the claim that holds it */
byte next_attempt = 1; /* of the next claim of a new entry */
byte first_attempt = 1; /* from which tries are counted */
byte copies = 0; /* in streams, backlog and delayed set */
bool listed = false; /* its tenant has its turn: queue_window.lua */
bool left = false; /* nobody works on the claim any more */
bool unmoved[2] = false; /* no claim has changed hands since this worker's */
bool mine_still[2] = false; /* the entry that this worker claimed is the one in the stream */

/* PostgreSQL. */
mtype = { NONE, RUNNING, DONE, FAILED, RETRYING };
mtype row = NONE;
byte row_attempt = 0;
byte row_worker = 0;
byte effects = 0; /* results that were stored */

byte faults = 0;
bool sent = false; /* Redis remembers the answer of the sender's batch */
bool revived = false;
bool operator_gone = false; /* no operator will bring a dead job back any more */

#define IN_REDIS (place != ABSENT && place != DEAD && place != GONE)
#define OVER (place == GONE || (place == DEAD && operator_gone))
/* queue_window.lua: into the stream, or behind it when that is full; then the tenant has its turn. */
#define PUT if :: place = QUEUED :: place = BACKLOG; listed = true fi
#define COUNT_TAKEOVER unmoved[0] = false; unmoved[1] = false
#define TAKE_OUT owner = 0; deliveries = 0; left = false; mine_still[0] = false; mine_still[1] = false; COUNT_TAKEOVER
/* What XPENDING says of the entry: claimed under this name, with so many deliveries. */
#define OWNED (place == PENDING && mine_still[slot] && owner == name && deliveries == mine)
#define TRIES (mine - first_attempt + 1)

/* A crash forgets everything; the worker starts anew, under its old name or what the model need not tell from it. */
#define LEAVE if :: OWNED -> left = true :: else -> skip fi
#define MAY_CRASH if :: faults < MAX_FAULTS -> faults++; LEAVE; goto begin :: true -> skip fi

inline hold()
{
	place = PENDING; owner = name; mine = deliveries;
	left = false; mine_still[slot] = true; unmoved[slot] = true
}

/*
 * The claim script, which also promotes a due retry and refills its stream: a new entry, a handed-back one, or one whose
 * claim expired; the worker's own, too, for two may have one name.
 */
inline claim()
{
	atomic {
		mine = 0;
		if
		:: place != PENDING -> skip /* others fill the claim, or it is not there */
		:: place == PENDING -> skip
		:: place == DELAYED -> PUT
		:: place == BACKLOG && listed -> /* behind others of its tenant: not in this deal */
#ifdef TURN_FORGOTTEN
			listed = false
#endif
		:: place == BACKLOG && listed ->
#ifdef REFILL_TAKES_FIRST
			place = NOWHERE; copies--; moving = true
#else
			place = QUEUED;
#ifdef REFILL_PUTS_FIRST
			copies++; moving = true
#endif
#endif
		:: place == QUEUED -> deliveries = next_attempt; next_attempt = 0; hold()
		:: place == PENDING && owner == HELD -> COUNT_TAKEOVER; hold()
		:: place == PENDING && owner != HELD && (left || faults < MAX_FAULTS) ->
#ifndef TAKEOVER_NOT_COUNTED
			COUNT_TAKEOVER;
#endif
			if :: left -> skip :: else -> faults++ fi;
			deliveries++;
			hold()
		fi
	}
#ifdef REFILL_TAKES_FIRST
	if :: moving -> atomic { MAY_CRASH; place = QUEUED; copies++; moving = false } :: else -> skip fi;
#endif
#ifdef REFILL_PUTS_FIRST
	if :: moving -> atomic { MAY_CRASH; copies--; moving = false } :: else -> skip fi;
#endif
}

/*
 * queue_finish: only the counter is looked at when it is as it was. XACK does nothing to an entry that is not pending and
 * does not ask to whom it is, so the counter alone stands for that it is ours: it must be true.
 */
inline finish()
{
	atomic {
		MAY_CRASH;
		if
		:: place == PENDING && mine_still[slot] && (unmoved[slot] || OWNED) ->
			assert(OWNED);
			place = GONE; copies--; TAKE_OUT
		:: else -> skip
		fi
	}
}

/* queue_retry, queue_bury, queue_hand_back: one script each, only for the owner of this very delivery. */
inline retry()
{
#ifdef RETRY_KEEPS_ENTRY
	atomic { MAY_CRASH; if :: OWNED -> copies++ :: else -> skip fi };
	atomic { MAY_CRASH; if :: OWNED -> place = DELAYED; copies--; next_attempt = mine + 1; TAKE_OUT :: else -> skip fi }
#else
	atomic { MAY_CRASH; if :: OWNED -> place = DELAYED; next_attempt = mine + 1; TAKE_OUT :: else -> skip fi }
#endif
}

inline bury()
{
	atomic { MAY_CRASH; if :: OWNED -> place = DEAD; copies--; next_attempt = mine + 1; TAKE_OUT :: else -> skip fi }
}

inline hand_back()
{
	atomic { MAY_CRASH; if :: OWNED -> owner = HELD; COUNT_TAKEOVER :: else -> skip fi }
}

/* queue_leave: whatever is pending under this name, also another process's that has it. */
inline leave()
{
	atomic {
		MAY_CRASH;
		if
		:: place == PENDING && owner == name && faults < MAX_FAULTS ->
			faults++;
			owner = HELD;
#ifndef LEAVING_NOT_COUNTED
			COUNT_TAKEOVER
#endif
		:: else -> skip
		fi
	}
}

/* jobs_start: takes the job from every earlier attempt, from the same one when it is over or ours. */
#define MAY_START (row_attempt < mine || (row_attempt == mine && (row != RUNNING || row_worker == name)))
inline start()
{
	atomic {
		MAY_CRASH;
		if
		:: row == DONE -> outcome = 2
#ifdef NO_FENCE
		:: row != DONE -> row = RUNNING; row_attempt = mine; row_worker = name; outcome = 1
#else
		:: row != DONE && MAY_START -> row = RUNNING; row_attempt = mine; row_worker = name; outcome = 1
		:: row != DONE && !MAY_START -> outcome = 0
#endif
		fi
	}
}

/* jobs_store_result: while this attempt holds the job. The answer may be lost and the statement sent again. */
inline store()
{
	atomic {
		MAY_CRASH;
		if
#ifdef NO_FENCE
		:: row_attempt > 0 -> row = DONE; row_worker = 0; effects++; outcome = 1
#else
		:: row == RUNNING && row_attempt == mine -> row = DONE; row_worker = 0; effects++; outcome = 1
		:: row == DONE -> outcome = 2
		:: else -> outcome = 0
#endif
		fi
	}
}

inline store_failure(final)
{
	atomic {
		MAY_CRASH;
		if
		:: row == RUNNING && row_attempt == mine -> row = (final -> FAILED : RETRYING); row_worker = 0; outcome = 1
		:: row == DONE -> outcome = 2
		:: else -> outcome = 0
		fi
	}
}

/* jobs_release, which the worker does without when the database is away. */
inline release()
{
	atomic {
		MAY_CRASH;
		if
		:: row == RUNNING && row_attempt == mine && row_worker == name -> row = RETRYING; row_worker = 0
		:: !(row == RUNNING && row_attempt == mine && row_worker == name) -> skip
		:: faults < MAX_FAULTS -> faults++
		fi
	}
}

proctype worker(byte slot; byte name)
{
	byte mine, outcome;
	bool moving;
begin:
	atomic { mine = 0; outcome = 0; moving = false };
	do
	:: OVER -> break
	:: else ->
		claim();
		if
		:: mine == 0 -> skip
		:: else ->
			start();
			if
			:: outcome == 2 -> finish()
			:: outcome == 0 -> skip /* superseded: leave it to whoever holds it */
			:: outcome == 1 && TRIES <= MAX_ATTEMPTS -> /* read */
#ifdef ACK_BEFORE_COMMIT
				finish();
				store()
#else
				store();
				if
				:: true -> store() /* the answer was lost: asked again */
				:: true -> skip
				fi;
				if
				:: outcome != 0 -> finish()
				:: else -> skip
				fi
#endif
			:: outcome == 1 && TRIES < MAX_ATTEMPTS -> /* failed for now */
				store_failure(false);
				if
				:: outcome == 2 -> finish()
				:: outcome == 1 -> retry()
				:: else -> skip
				fi
			:: outcome == 1 -> /* failed for good, or given up after too many takeovers */
				store_failure(true);
				if
				:: outcome == 2 -> finish()
				:: outcome == 1 -> bury()
				:: else -> skip
				fi
			:: outcome == 1 -> /* asked to stop: released, then handed back; then it leaves */
				release();
				hand_back();
				leave();
				goto begin
			fi
		fi;
		atomic { LEAVE; mine = 0; outcome = 0 }
	od
}

/*
 * The sender, which may lose the answer and then sends the batch again; the operator, who brings the dead job back, once,
 * its tries counted anew; and what must hold at every moment. One process of one state, so that it costs the search little.
 */
active proctype others()
{
	do
	:: atomic { !sent -> sent = true; PUT; copies++ }
#ifdef BATCH_WITHOUT_NAME
	:: atomic { sent && copies < 2 -> PUT; copies++ }
#endif
	:: atomic { place == DEAD && !revived && !operator_gone -> revived = true; first_attempt = next_attempt; PUT; copies++ }
	:: place == DEAD && !operator_gone -> operator_gone = true
#ifdef TRIM_PAST_CLAIMS
	/*
	 * A neighbour in the stream is finished, by XTRIM MINID. It deletes what lies before the oldest claim or, where there
	 * is none, what was given to anybody: never this entry, which is no older than the oldest claim when it is claimed,
	 * and behind all that were given when it is not. So only the mutation has a step for it.
	 */
	:: atomic { place == PENDING -> place = NOWHERE; copies-- }
#endif
	:: effects > 1 -> assert(false) /* twice */
	:: place == GONE && row != DONE -> assert(false) /* lost */
	:: copies != (IN_REDIS -> 1 : 0) -> assert(false) /* nowhere, or in two places */
	:: place == BACKLOG && !listed -> assert(false) /* no turn will ever come */
	:: OVER -> break
	od
}

init {
	atomic {
		run worker(0, 1);
		if :: run worker(1, 2) :: run worker(1, 1) fi /* --worker says the name, and may say one twice */
	}
	/* both workers have ended: nobody holds anything any more */
	(_nr_pr == 2);
	assert(place == GONE || place == DEAD);
	assert(place != GONE || row == DONE); /* never lost */
	assert(copies == 0);
}
