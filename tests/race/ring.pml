/* The ring, for the model checker spin: one producer, a journal whose writes complete later, and reply and publish side
 * by side behind what is durable; a ring of CAP slots, LAST cursors, runners that park and are woken. A stage between
 * producer and journal (apply) is the same again, and costs thirty times the states.
 *
 *   produce -> journal (disk) -> { reply, publish } -> gate -> produce
 *
 * What is as in engine/ring: a sequence is written by its owner alone, and its store may stay in the owner's store
 * buffer until the owner's next exchange (wait.c says why signal and announce are exchanges); before a sleep the waker is
 * announced and the agent runs once more; the futex sleeps only while the word says PARKED; who had work signals those that
 * read what it wrote. A look that finds nothing may be late or early, so a runner may announce at any time. What is not in
 * it: the byte rings, the wrap at 64 bits (unit tests have both).
 *
 * Two sizes, so that both are exhausted in seconds. As it stands: all four, work and signal in one step, sequences seen at
 * once. With NARROW and BUFFER: without publish, work and signal are steps of their own and stores may be seen late.
 *
 * Checked in every state: no slot is overwritten before all have read it, each stage sees each cursor once and in order,
 * nobody behind the journal sees what the disk has not completed; and there is no state without a next one but the end,
 * where all has passed: a wake-up that is lost leaves somebody asleep for ever. BUG_... are mutants, each of which must
 * fail; ring_model.py runs all of them. */

#ifndef CAP
#define CAP 4
#endif
#ifndef LAST
#define LAST 9 /* two laps and one */
#endif
#define AWAKE 0
#define PARKED 1

#define PRODUCE 0
#define JOURNAL 1
#define REPLY 2
#define PUBLISH 3
#define RUNNERS 4

byte own[RUNNERS];    /* the sequence, as its owner knows it */
#ifdef BUFFER
byte seen[RUNNERS];   /* ... and as the others see it */
#else
#define seen own
#endif
byte passed[RUNNERS]; /* the last cursor that the stage has read */
bit parked[RUNNERS];
bit asleep[RUNNERS];  /* in the futex */
byte slots[CAP];      /* the cursor that each holds */
byte submitted;       /* the end of the write in flight; 0 = none */
byte completed;       /* what the disk has */

#if defined(BUG_GATE_FORGETS) || defined(NARROW)
#define GATE seen[REPLY]
#else
#define GATE (seen[REPLY] < seen[PUBLISH] -> seen[REPLY] : seen[PUBLISH])
#endif
#ifdef BUG_WRAP
#define ROOM (CAP + 1)
#else
#define ROOM CAP
#endif
#ifdef BUG_NOT_DURABLE
#define PUBLISH_BARRIER seen[PRODUCE]
#else
#define PUBLISH_BARRIER seen[JOURNAL]
#endif

/* The store of a sequence: seen at once, or when the buffer is drained. */
inline store(me, value)
{
    own[me] = value
#ifdef BUFFER
    ;
    if
    :: seen[me] = value
    :: skip
    fi
#endif
}

inline drain(me) { seen[me] = own[me] }

/* ordo_waker_signal(): the exchange and the system call in one; a wake that comes later only ends a later sleep early. */
inline signal(me, who)
{
#ifdef BUG_LOAD /* a load in the place of the exchange drains nothing */
    if
    :: parked[who] == PARKED -> atomic { drain(me); parked[who] = AWAKE; asleep[who] = 0 }
    :: parked[who] == AWAKE -> skip
    fi;
    drain(me)
#else
    atomic {
        drain(me);
        if
        :: parked[who] == PARKED ->
#ifndef BUG_NO_WAKE
            asleep[who] = 0
#else
            skip
#endif
        :: else
        fi;
        parked[who] = AWAKE
    }
#endif
}

/* ---- one duty cycle each: whether there is work, and the work ---- */

#define MAY_PRODUCE (own[PRODUCE] < LAST && (own[PRODUCE] - GATE < ROOM || NO_GATE))
#ifdef BUG_NO_GATE
#define NO_GATE true
#else
#define NO_GATE false
#endif

#ifdef NARROW
#define PUBLISHED(cursor) true
#else
#define PUBLISHED(cursor) passed[PUBLISH] >= cursor
#endif

inline do_produce()
{
    at = own[PRODUCE] + 1;
    assert(at <= CAP || (passed[REPLY] >= at - CAP && PUBLISHED(at - CAP) && passed[JOURNAL] >= at - CAP));
    slots[(at - 1) % CAP] = at;
    store(PRODUCE, at);
    at = 0
}

#define MAY_JOURNAL ((submitted != 0 && completed == submitted) || (submitted == 0 && passed[JOURNAL] < seen[PRODUCE]))

/* Reaps, then takes all that has gathered when no write is in flight. */
inline do_journal()
{
    if
    :: submitted != 0 && completed == submitted ->
        store(JOURNAL, completed);
        submitted = 0
    :: else
    fi;
    if
    :: submitted == 0 && passed[JOURNAL] < seen[PRODUCE] ->
        do
        :: passed[JOURNAL] < seen[PRODUCE] ->
            at = passed[JOURNAL] + 1;
            assert(slots[(at - 1) % CAP] == at);
            passed[JOURNAL] = at
        :: else -> break
        od;
        at = 0;
        submitted = passed[JOURNAL];
#ifdef BUG_ACK_EARLY
        store(JOURNAL, submitted)
#endif
    :: else
    fi
}

inline do_leaf(me)
{
    at = passed[me] + 1;
    assert(slots[(at - 1) % CAP] == at);
    assert(at <= completed);
    passed[me] = at;
    store(me, at);
    at = 0
}

/* ---- the runner ---- */

#ifdef BUG_NO_LOOK
#define LOOK(may) false
#else
#define LOOK(may) (may)
#endif

#ifdef NARROW
#define STEPS(may, work, signals) atomic { may -> work }; signals
#else
#define STEPS(may, work, signals) atomic { may -> work; signals }
#endif

#define RUN(me, may, work, signals) \
    do \
    :: own[me] == LAST -> break \
    :: STEPS(own[me] < LAST && (may), work, signals) \
    :: atomic { own[me] < LAST -> drain(me); parked[me] = PARKED }; \
        if \
        :: STEPS(LOOK(may), work, signals); atomic { drain(me); parked[me] = AWAKE } \
        :: atomic { !LOOK(may) -> skip }; \
            atomic { if :: parked[me] == PARKED -> asleep[me] = 1 :: else fi }; \
            atomic { asleep[me] == 0 -> drain(me); parked[me] = AWAKE } \
        fi \
    od

active proctype producer()
{
    byte at = 0;
    RUN(PRODUCE, MAY_PRODUCE, do_produce(), signal(PRODUCE, JOURNAL))
}

active proctype journaler()
{
    byte at = 0;
#ifdef NARROW
    RUN(JOURNAL, MAY_JOURNAL, do_journal(), signal(JOURNAL, REPLY))
#else
    RUN(JOURNAL, MAY_JOURNAL, do_journal(), signal(JOURNAL, REPLY); signal(JOURNAL, PUBLISH))
#endif
}

active proctype replier()
{
    byte at = 0;
    RUN(REPLY, passed[REPLY] < seen[JOURNAL], do_leaf(REPLY), signal(REPLY, PRODUCE))
}

#ifndef NARROW
active proctype publisher()
{
    byte at = 0;
    RUN(PUBLISH, passed[PUBLISH] < PUBLISH_BARRIER, do_leaf(PUBLISH), signal(PUBLISH, PRODUCE))
}
#endif

/* Completes a write at some time, and wakes the journal. */
active proctype disk()
{
    do
    :: completed == LAST -> break
    :: submitted > completed ->
        completed = submitted;
        atomic { asleep[JOURNAL] = 0; parked[JOURNAL] = AWAKE }
    od
}
