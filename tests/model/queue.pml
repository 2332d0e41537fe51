/*
 * One job of the queue, two workers, one operator's requeue, crashes anywhere: does every schedule end with the job done
 * once, or dead with its reason?
 *
 * What a Lua script or one SQL statement does is atomic here; between two of them anything may happen: another process
 * runs, the worker crashes, or its claim expires (a claim may expire whenever it is held, which stands for a freeze, a
 * cut network or a slow document). The delivery count and the job's attempt are one number here: each claim that is
 * not a take-back of a handed-back entry counts one more.
 *
 * Mutations that the check must catch (tests/model/check):
 *   ACK_BEFORE_COMMIT   acknowledge in Redis before the result is committed
 *   NO_FENCE            commit without comparing attempts
 *   RETRY_KEEPS_ENTRY   a retry is added to the delayed set in one step and its entry acknowledged in another
 *   REFILL_TAKES_FIRST  the job is taken from the backlog in one step and put in its stream in another
 *   REFILL_PUTS_FIRST   the other way round
 *   BATCH_WITHOUT_NAME  a batch whose answer was lost is put in the queue again
 *
 * Of priorities and tenants the model has what can lose a job: it may have to wait in the backlog when it comes, comes
 * back, or is promoted; a claim that is filled by others' jobs passes it over, as often as it likes. When its turn comes
 * is tests/unit/queue_fair_test.c's.
 */
#define MAX_ATTEMPTS 3
#define MAX_CRASHES 2
#define NOBODY 0
#define HELD 9 /* the place-holder that handed-back entries belong to */

/* Redis: where the job is. It may be in two places only in a mutation; `entries` counts them. */
mtype = { ABSENT, BACKLOG, NOWHERE, QUEUED, PENDING, DELAYED, DEAD, GONE };
mtype place = ABSENT;
byte owner = NOBODY;
byte deliveries = 0; /* the attempt of the claim that holds it */
byte next_attempt = 1; /* of the next claim */
byte copies = 0; /* entries of this job in streams and delayed set */

/* PostgreSQL. */
mtype = { NONE, RUNNING, DONE, FAILED, RETRYING };
mtype row = NONE;
byte row_attempt = 0;
byte row_worker = NOBODY;
byte effects = 0; /* results that were stored */

byte crashes = 0;
byte requeues = 0;
bool requeue_over = false; /* no operator will bring a dead job back any more */
bool named = false; /* Redis remembers the answer of the sender's batch */
/* queue_window.lua: into the stream, or behind it when that is full. */
#define PUT if :: place = QUEUED :: place = BACKLOG fi
#define IN_REDIS (place != ABSENT && place != DEAD && place != GONE)
#define OVER (place == GONE || (place == DEAD && requeue_over))

/* A crash forgets everything; the worker starts anew under a new name, which the model need not tell apart. */
#define MAY_CRASH if :: crashes < MAX_CRASHES -> crashes++; goto begin; :: true -> skip; fi

/* The claim script, which also promotes a due retry and refills its stream: a new entry, a due retry, a handed-back entry, or one whose claim expired. Too many attempts: dead. */
inline claim(me, mine)
{
	atomic {
		if
		:: place == QUEUED || place == BACKLOG || place == ABSENT -> mine = 0 /* others fill the claim, or it is not there */
		:: place == DELAYED -> PUT; mine = 0
		:: place == BACKLOG ->
			mine = 0;
#ifdef REFILL_TAKES_FIRST
			place = NOWHERE; copies--; moving = true;
#else
			place = QUEUED;
#ifdef REFILL_PUTS_FIRST
			copies++; moving = true;
#endif
#endif
		:: place == NOWHERE -> mine = 0
		:: place == QUEUED ->
			deliveries = next_attempt;
			place = PENDING; owner = me; mine = deliveries;
		:: place == PENDING && owner == HELD ->
			owner = me; mine = deliveries;
		:: place == PENDING && owner != HELD && owner != me && deliveries < MAX_ATTEMPTS -> /* expired */
			deliveries++;
			owner = me; mine = deliveries;
		:: place == PENDING && owner != HELD && owner != me && deliveries >= MAX_ATTEMPTS ->
			place = DEAD; owner = NOBODY; copies--;
			mine = 0;
		:: (place == DEAD || place == GONE || (place == PENDING && owner == me)) ->
			mine = 0;
		fi
	}
#ifdef REFILL_TAKES_FIRST
	if :: moving -> MAY_CRASH; atomic { place = QUEUED; copies++; moving = false } :: else -> skip fi;
#endif
#ifdef REFILL_PUTS_FIRST
	if :: moving -> MAY_CRASH; atomic { copies--; moving = false } :: else -> skip fi;
#endif
}

/* queue_finish, queue_retry, queue_bury, queue_hand_back: one script each, only for the owner of this very delivery. */
#define OWNED (place == PENDING && owner == me && deliveries == mine)

inline finish()
{
	atomic { if :: OWNED -> place = GONE; owner = NOBODY; copies--; :: else -> skip; fi }
}

inline retry()
{
#ifdef RETRY_KEEPS_ENTRY
	atomic { if :: OWNED -> copies++; :: else -> skip; fi }
	atomic { if :: OWNED -> place = DELAYED; owner = NOBODY; copies--; next_attempt = mine + 1; :: else -> skip; fi }
#else
	atomic { if :: OWNED -> place = DELAYED; owner = NOBODY; next_attempt = mine + 1; :: else -> skip; fi }
#endif
}

inline bury()
{
	atomic { if :: OWNED -> place = DEAD; owner = NOBODY; copies--; :: else -> skip; fi }
}

inline hand_back()
{
	atomic { if :: OWNED -> owner = HELD; :: else -> skip; fi }
}

/* jobs_start: takes the job from every earlier attempt, from the same one when it is over or ours. */
inline start(outcome)
{
	atomic {
		if
		:: row == DONE -> outcome = 2;
#ifdef NO_FENCE
		:: row != DONE -> row = RUNNING; row_attempt = mine; row_worker = me; outcome = 1;
#else
		:: row != DONE && (row_attempt < mine ||
			(row_attempt == mine && (row != RUNNING || row_worker == me))) ->
			row = RUNNING; row_attempt = mine; row_worker = me; outcome = 1;
		:: row != DONE && !(row_attempt < mine ||
			(row_attempt == mine && (row != RUNNING || row_worker == me))) -> outcome = 0;
#endif
		fi
	}
}

/* jobs_store_result: while this attempt holds the job. The answer may be lost and the statement sent again. */
inline store(outcome)
{
	atomic {
		if
#ifdef NO_FENCE
		:: row_attempt > 0 -> row = DONE; effects++; outcome = 1;
#else
		:: row == RUNNING && row_attempt == mine -> row = DONE; effects++; outcome = 1;
		:: row == DONE -> outcome = 2;
		:: else -> outcome = 0;
#endif
		fi
	}
}

inline store_failure(final, outcome)
{
	atomic {
		if
		:: row == RUNNING && row_attempt == mine -> row = (final -> FAILED : RETRYING); outcome = 1;
		:: row == DONE -> outcome = 2;
		:: else -> outcome = 0;
		fi
	}
}

proctype worker(byte me)
{
	byte mine, outcome;
	bool moving;
begin:
	mine = 0; outcome = 0; moving = false;
	do
	:: OVER -> break
	:: else ->
		claim(me, mine);
		if
		:: mine == 0 -> skip
		:: else ->
			MAY_CRASH;
			start(outcome);
			MAY_CRASH;
			if
			:: outcome == 2 -> finish()
			:: outcome == 0 -> skip /* superseded: leave it to whoever holds it */
			:: outcome == 1 ->
				if
				:: true -> /* read */
#ifdef ACK_BEFORE_COMMIT
					finish();
					MAY_CRASH;
					store(outcome);
#else
					store(outcome);
					MAY_CRASH;
					if
					:: true -> store(outcome) /* the answer was lost: asked again */
					:: true -> skip
					fi;
					MAY_CRASH;
					if
					:: outcome != 0 -> finish()
					:: else -> skip
					fi
#endif
				:: mine < MAX_ATTEMPTS -> /* failed for now */
					store_failure(false, outcome);
					MAY_CRASH;
					if
					:: outcome == 2 -> finish()
					:: outcome == 1 -> retry()
					:: else -> skip
					fi
				:: true -> /* failed for good */
					store_failure(true, outcome);
					MAY_CRASH;
					if
					:: outcome == 2 -> finish()
					:: outcome == 1 -> bury()
					:: else -> skip
					fi
				:: true -> /* asked to stop: released, then handed back */
					store_failure(false, outcome);
					MAY_CRASH;
					hand_back();
					goto begin
				fi
			fi;
			MAY_CRASH
		fi
	od
}

/* An operator brings the dead job back, once, and takes a stuck one from its worker, once. */
proctype requeue()
{
	do
	:: requeues < 1 ->
		atomic {
			if
			:: place == DEAD ->
				PUT; copies++; requeues++;
				next_attempt = row_attempt + 1;
			:: place == PENDING && owner != HELD ->
				owner = HELD; requeues++; deliveries++;
			:: place == GONE -> break
			fi
		}
	:: requeues >= 1 -> break
	:: true -> break
	od;
	requeue_over = true
}

/* The sender may lose the answer, once, and sends the batch again. */
proctype sender()
{
	bool again = true;
	do
	:: atomic {
			if
#ifdef BATCH_WITHOUT_NAME
			:: true -> PUT; copies++
#else
			:: !named -> named = true; PUT; copies++
			:: named -> skip
#endif
			fi
		};
		if
		:: again -> again = false
		:: true -> break
		fi
	od
}

init {
	atomic { run sender(); run worker(1); run worker(2); run requeue() }
	/* all have ended: nobody holds anything any more */
	(_nr_pr == 1);
	assert(place == GONE || place == DEAD);
	assert(place != GONE || row == DONE); /* never lost */
	assert(copies == 0);
}

/* What must hold at every moment. */
active proctype always()
{
	/* one state, whatever holds, so that it costs the search little */
	do
	:: effects > 1 -> assert(false) /* twice */
	:: place == GONE && row != DONE -> assert(false) /* lost */
	:: copies != (IN_REDIS -> 1 : 0) -> assert(false) /* nowhere, or in two places */
	:: OVER -> break
	od
}
