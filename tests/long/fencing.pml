/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The protocol that keeps an instance from running twice: lease, soft fence, hard fence, leader's delay, autonomous mode.
 *
 * Host A runs the instance under its lease. etcd has three members. The fabric's leader, on host B, has it run there once A's
 * lease is gone. Time is a counter of ticks; between two ticks anything that can happen may, in any order, any number of
 * times; a tick is held up only by what has to be done by then (by whoever is scheduled). So messages take arbitrarily long or
 * are lost, links flap, processes freeze and thaw, members restart, at any moment.
 *
 *   etcd    a leader that nobody can hear is no leader for its followers after ET ticks without it (`none`). It may come back
 *           as the leader it was, without giving the lease any more time, as long as no other was elected; frozen, however
 *           late. Members without a leader, two of them, may elect another, who gives the lease its whole time again. A
 *           decision takes a leader that is heard by another member at that instant, and a renewal counts only then.
 *   clocks  A's may run slow against etcd's and B's, by DRIFT ticks in a lease and in a delay.
 *   written renewals (docs/adr/0124): each renewal leaves its mark in etcd. B learns of it at any later time, counts L + D from then,
 *           and may take the instance whatever has become of the lease; its transaction names the mark that it counted from.
 *   A       three processes: hostd (frozen: nothing is sent or heard), watchdog (frozen: nothing is killed or fed), hardware.
 *
 * Mutations, -DNAME: each a rule left out or a time broken. tests/long/fencing runs all, and expects what is said there. */

#ifndef L
#define L 6 /* lease */
#endif
#ifndef S
#define S 3 /* soft fence, from when the renewal was sent */
#endif
#ifndef K
#define K 1 /* kill time */
#endif
#ifndef H
#define H 4 /* hard fence */
#endif
#ifndef W
#define W 1 /* the hardware's timeout */
#endif
#ifndef A
#define A 1 /* a round of asking holds good so long */
#endif
#ifndef D
#ifdef AUTONOMOUS
#define D 5 /* the leader's delay: a round, the kill, and both clocks' drift */
#else
#define D 2
#endif
#endif
#ifndef ET
#define ET 1 /* election timeout */
#endif
#ifndef DRIFT
#define DRIFT 1
#endif
#ifndef BOUND
#define BOUND 30 /* ticks after the last fault, within which it runs again */
#endif
#ifndef MARGIN
#define MARGIN 2 /* a member's span reaches back behind the moment by so much: a tick, and a clock's drift */
#endif
#define MEMBERS 3
#define NOBODY  3
/* spans are counted as far as anything depends on them */
#ifdef AUTONOMOUS
#define AGE_MOST  (S + A + 2)
#else
#define AGE_MOST  (H > S -> H : S)
#endif
#define ASK_MOST  (A + 1 + MARGIN)

/* ---- etcd */
byte leader = 0;              /* a member, or NOBODY */
bool reach[MEMBERS] = true;   /* hears the leader, at this instant */
byte quiet[MEMBERS];          /* ticks since it heard the leader, up to ET */
byte span[MEMBERS];           /* ticks for which it has had no leader, without a gap */
bool alive = true;            /* A's alive key, under its lease */
byte left = L;                /* of the lease, by the leader's clock */
byte placed = 0;              /* 0: on A, 1: on B */

/* ---- A */
bool hostd = true, watchdog = true; /* scheduled */
bool here = true;              /* the instance */
bool held = true;             /* the watchdog lets it run */
byte age;                     /* since the last accepted renewal was sent */
bool evident;                 /* somebody showed that nobody could decide */
byte evidence;                /* ticks since that moment */
bool killing;
byte kill_age;
byte fed;                     /* since the hardware was fed */
bool slow;                    /* its clock has lost its tick of this lease */
/* a renewal, or a grant with a new alive key, under way */
byte request;                 /* 0 none, 1 renewal sent, 2 renewed, 3 grant sent, 4 granted, 5 refused: lease gone */
byte request_age;
byte seen;                    /* where it was placed when the grant was decided */
/* a round of asking */
bool asking;
byte ask_age;
byte answers;                 /* bits of members */

/* ---- B */
bool lost;                    /* it has learnt that A's lease is gone */
byte waited;
bool hasty;                   /* its clock has gained its tick of this delay */
bool there;                   /* the instance runs there */
bool outdated;                /* A has been alive again since the loss that B counts from */
#ifdef WRITTEN
bool unseen;                  /* there is a mark that B has not learnt of */
byte silent;                  /* since B learnt of the last */
bool rash;                    /* its clock has gained its tick of that */
#endif

byte swap;                    /* of sort(), 0 between steps */

byte calm;                    /* ticks since the last fault; 0: faults go on */
bool died;                    /* A is gone for good, in calm */

#define none(m) (leader != m && quiet[m] >= ET)
#define can_decide (leader != NOBODY && (reach[(leader + 1) % 3] || reach[(leader + 2) % 3]))
#define n_none ((none(0) -> 1 : 0) + (none(1) -> 1 : 0) + (none(2) -> 1 : 0))
#define n_answers ((answers & 1) + ((answers >> 1) & 1) + ((answers >> 2) & 1))

#ifdef MINORITY
#define ENOUGH 1
#else
#define ENOUGH 2
#endif

/* the guards of the transaction that takes the instance from A */
#ifdef NO_ABSENT
#define absent true
#else
#define absent (!alive)
#endif
#ifdef STALE_LOSS
#define known true
#else
#define known (!outdated)
#endif
#if defined(NO_NAME) || !defined(WRITTEN)
#define named true
#else
#define named (!unseen)
#endif
#ifdef NO_SILENT_DELAY
#define SILENT_D (-2)
#else
#define SILENT_D D
#endif
/* the moment that a round shows was before the soft fence, as it was then */
#define in_time (age - ask_age <= S || evident && evidence - ask_age <= A)

#define soft_due (held && age >= S && !(evident && evidence < A))
#ifdef FEED_ALWAYS
#define may_feed true
#else
#define may_feed (!held && !killing || age + W <= H || evident && evidence <= A)
#endif
#ifdef NO_HARDWARE
#define reset_due false
#else
#define reset_due (fed >= W)
#endif

#ifdef WRITTEN
#define outdates outdated
#define overdue_mark (unseen || placed == 0 && silent >= L + SILENT_D && can_decide && named)
#else
#define outdates lost
#define overdue_mark (lost && outdated)
#endif

/* when faults are over, whatever can be done is done before time goes on */
#ifdef LIVENESS
#define overdue (calm > 0 && (none(0) && none(1) || none(1) && none(2) || none(2) && none(0) \
        || leader != NOBODY && !(reach[(leader + 1) % 3] && reach[(leader + 2) % 3]) \
        || alive && left == 0 && can_decide \
        || (request == 1 || request == 3) && can_decide || request == 2 || request > 3 \
        || !died && held && request == 0 && age >= S - 1 \
        || !died && !held && !killing && placed == 0 && !here && request == 0 \
        || !alive && !lost || alive && lost || overdue_mark \
        || lost && placed == 0 && waited >= D && !alive && can_decide && known && named \
        || placed == 1 && !there))
#else
#define overdue false
#endif

inline forget() { age = 0; slow = false; evident = false; evidence = 0; asking = false; ask_age = 0; answers = 0 }

/* the age goes on: the hardware is fed by it until all is dead */
inline fence()
{
        held = false; killing = here; kill_age = 0;
        asking = false; ask_age = 0; answers = 0;
        if :: !here -> forget() :: else fi
}

inline hear(m) { quiet[m] = 0; span[m] = 0; reach[m] = true }

/* Members are alike: the leader is called 0, the others go by what they know. */
#define rank(m) (span[m] * 8 + quiet[m] * 4 + (reach[m] -> 2 : 0) + ((answers >> m) & 1))
inline exchange(m, n)
{
        swap = quiet[m]; quiet[m] = quiet[n]; quiet[n] = swap;
        swap = span[m]; span[m] = span[n]; span[n] = swap;
        swap = (reach[m] -> 1 : 0); reach[m] = reach[n]; reach[n] = swap;
        swap = ((answers >> m) ^ (answers >> n)) & 1; answers = answers ^ ((swap << m) | (swap << n));
        swap = 0
}
inline sort()
{
        if
        :: leader == 1 -> exchange(0, 1); leader = 0
        :: leader == 2 -> exchange(0, 2); leader = 0
        :: else
        fi;
        if :: rank(1) < rank(2) -> exchange(1, 2) :: else fi;
        if :: leader == NOBODY && rank(0) < rank(1) -> exchange(0, 1) :: else fi;
        if :: rank(1) < rank(2) -> exchange(1, 2) :: else fi
}

inline elect(m, n)
{
        leader = m; hear(m); hear(n);
        reach[3 - m - n] = false;
#ifndef NO_REFRESH
        left = L;
#endif
}

inline tick_member(m)
{
#ifdef AUTONOMOUS
        if
        :: none(m) -> if :: span[m] < ASK_MOST -> span[m]++ :: else fi
        :: else -> span[m] = 0
        fi;
#endif
        if
        :: leader == m || reach[m] && leader != NOBODY -> quiet[m] = 0
        :: else -> if :: quiet[m] < ET -> quiet[m]++ :: else fi
        fi
}

inline answer(m)
{
        /* it has had no leader since before the moment that counts, without a gap */
#ifdef NO_COMMON_MOMENT
        answers = answers | (1 << m)
#else
#ifdef NO_CHAIN
        if :: span[m] >= ask_age + MARGIN -> answers = answers | (1 << m) :: else fi
#else
        if
        :: span[m] >= MARGIN + (evident -> evidence : ask_age) -> answers = answers | (1 << m)
        :: else
        fi
#endif
#endif
}

/* a renewal was accepted */
inline mark()
{
#ifdef WRITTEN
        unseen = true
#else
        skip
#endif
}

inline saturate(x, most) { if :: x < most -> x++ :: else fi }

init {
        do
        /* ---- etcd: links, freezes, restarts, elections */
        :: atomic { calm == 0 && leader != NOBODY && leader != 0 -> reach[0] = !reach[0]; if :: reach[0] -> hear(0) :: else fi; sort() }
        :: atomic { calm == 0 && leader != NOBODY && leader != 1 -> reach[1] = !reach[1]; if :: reach[1] -> hear(1) :: else fi; sort() }
        :: atomic { calm == 0 && leader != NOBODY && leader != 2 -> reach[2] = !reach[2]; if :: reach[2] -> hear(2) :: else fi; sort() }
        :: atomic { calm == 0 && leader != NOBODY -> quiet[leader] = ET; leader = NOBODY; /* restarts */
                    reach[0] = false; reach[1] = false; reach[2] = false; sort() }
        :: atomic { none(0) && none(1) -> elect(0, 1); sort() }
        :: atomic { none(1) && none(2) -> elect(1, 2); sort() }
        :: atomic { none(2) && none(0) -> elect(2, 0); sort() }
        /* ---- etcd: the lease is over */
        :: atomic { alive && left == 0 && can_decide -> alive = false; left = 0 }
#ifdef STALE_REVOKE
        :: atomic { alive && can_decide -> alive = false; left = 0 }
#endif
        /* ---- A: freezes and thaws */
        :: atomic { calm == 0 && hostd -> hostd = false }
        :: atomic { calm == 0 && watchdog -> watchdog = false }
        :: atomic { !hostd -> hostd = true }
        :: atomic { !watchdog -> watchdog = true }
        /* ---- A: its lease */
        :: atomic { hostd && !died && request == 0 -> request = 1; request_age = 0 }
        :: atomic { hostd && !died && request == 0 && !held && !killing -> request = 3; request_age = 0 }
        :: atomic { request == 1 && can_decide -> if :: alive -> left = L; request = 2; mark() :: else -> request = 5 fi }
        :: atomic { request == 3 && can_decide -> alive = true; left = L; request = 4; seen = placed; outdated = outdates; mark() }
        :: atomic { calm == 0 && request == 1 -> request = 0; request_age = 0 } /* lost */
        :: atomic { calm == 0 && request > 1 -> request = 0; request_age = 0; seen = 0 }
        :: atomic { hostd && request == 2 ->
                    if
                    :: held ->
#ifdef FROM_RECEIPT
                            age = 0;
#else
                            age = (request_age < age -> request_age : age);
#endif
                            evident = false; slow = false
                    :: else
#ifdef RENEWAL_ENDS_FENCE
                            -> if :: watchdog && !killing -> held = true; here = true; assert(!there); age = request_age; slow = false :: else fi
#endif
                    fi;
                    request = 0; request_age = 0 }
        :: atomic { hostd && request == 5 -> request = 0; request_age = 0; if :: watchdog && held -> fence() :: else fi }
        :: atomic { hostd && request == 4 && watchdog && !killing && !held ->
                    if :: request_age < S && seen == 0 -> held = true; here = true; assert(!there); age = request_age
                    :: else fi;
                    request = 0; request_age = 0; seen = 0 }
        /* ---- A: asks */
#ifdef AUTONOMOUS
        :: atomic { hostd && held && !asking -> asking = true; ask_age = 0; answers = 0 }
        :: atomic { asking && none(0) -> answer(0); sort() }
        :: atomic { asking && none(1) -> answer(1); sort() }
        :: atomic { asking && none(2) -> answer(2); sort() }
        :: atomic { asking && hostd && n_answers >= ENOUGH ->
                    if
#ifdef LATE_EVIDENCE
                    :: held && ask_age <= A -> evident = true; evidence = ask_age
#else
                    :: held && ask_age <= A && in_time -> evident = true; evidence = ask_age
#endif
                    :: else
                    fi;
                    asking = false; ask_age = 0; answers = 0 }
        :: atomic { asking -> asking = false; ask_age = 0; answers = 0 }
#endif
        /* ---- A: fences */
        :: atomic { watchdog && soft_due -> fence() }
        :: atomic { killing && here && watchdog -> here = false; killing = false; kill_age = 0; forget() }
        :: atomic { killing && !here -> killing = false; kill_age = 0; forget() }
        :: atomic { reset_due -> here = false; held = false; killing = false; kill_age = 0; forget();
                    watchdog = true; hostd = true; request = 0; request_age = 0; seen = 0; fed = 0 } /* reset, and booted again */
        /* ---- B: the fabric's leader */
        :: atomic { !alive && !lost -> lost = true; waited = 0; hasty = false; outdated = false }
        :: atomic { alive && lost -> lost = false; outdated = false }
#ifndef WRITTEN
        :: atomic { !alive && lost && outdated -> waited = 0; hasty = false; outdated = false }
#endif
        :: atomic { lost && placed == 0 && waited >= D && can_decide && absent && known && named -> placed = 1 }
#ifdef WRITTEN
        /* a lease that ended before its last mark was seen says nothing about that one */
        :: atomic { unseen -> unseen = false; silent = 0; rash = false; outdated = lost }
        :: atomic { placed == 0 && silent >= L + SILENT_D && can_decide && named -> placed = 1 }
#endif
        :: atomic { placed == 1 -> there = true; assert(!here); goto over }
        /* ---- faults end, once */
#ifdef LIVENESS
        :: atomic { calm > 0 && leader != NOBODY -> hear(0); hear(1); hear(2) }
        :: atomic { calm == 0 -> calm = 1; hostd = true; watchdog = true;
                    if :: died = true; here = false; held = false; killing = false; kill_age = 0; request = 0; request_age = 0; seen = 0; forget() :: true fi;
                    if :: leader != NOBODY -> hear(0); hear(1); hear(2) :: else fi }
#endif
        /* ---- time */
        :: atomic {
                   /* what has to be done by now has been */
                   !(watchdog && soft_due) && !(killing && watchdog && kill_age >= K && here) && !reset_due && !overdue ->
                   tick_member(0); tick_member(1); tick_member(2); sort();
                   if :: left > 0 -> left-- :: else fi;
                   /* A's clock may lose a tick */
                   if
                   :: true -> if :: held || killing -> saturate(age, AGE_MOST) :: else -> age = 0 fi;
                              if :: evident && evidence < A -> evidence++ :: else -> evident = false; evidence = 0 fi;
                              if :: killing -> saturate(kill_age, K + 1) :: else -> kill_age = 0 fi;
                              if :: request > 0 -> saturate(request_age, AGE_MOST) :: else -> request_age = 0 fi;
                              if :: asking -> saturate(ask_age, ASK_MOST) :: else -> ask_age = 0 fi
                   :: DRIFT > 0 && (held || killing) && !slow -> slow = true
                   fi;
                   /* the hardware counts, the watchdog feeds */
                   if
                   :: watchdog && may_feed -> fed = 0
                   :: else -> saturate(fed, W)
                   fi;
                   if :: lost && placed == 0 -> saturate(waited, D); if :: DRIFT > 0 && !hasty -> hasty = true; saturate(waited, D) :: true fi
                   :: else -> waited = 0; hasty = false fi;
#ifdef WRITTEN
                   if
                   :: placed == 0 -> saturate(silent, L + D); if :: DRIFT > 0 && !rash -> rash = true; saturate(silent, L + D) :: true fi
                   :: else -> silent = 0; rash = false
                   fi;
#endif
                   if
                   :: calm > 0 -> saturate(calm, BOUND); assert(calm < BOUND || here || there)
                   :: else
                   fi
           }
        od;
        /* What A may still do it may have done before B started: nothing that is not seen there is seen from here on. */
over:   skip
}
