/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The inequality that fencing rests on: when this host's role VMs are dead, counted from its last
 * accepted renewal, is before anybody may start them elsewhere. Pure.
 *
 *   renewal sent          soft fence      dead by                lease ends      replaced from here
 * on 0 ─────────────────── S ────────── S + K ─────────────────── L ──────────────── L + D ──► └──
 * last fed: H - W ──────── reset by: H ───────────────────┘
 *
 * While it is autonomous the host counts from the last moment at which it knows that nobody could
 * decide anything: dead by A + K, reset by A + W, replaced from D on. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INEQUALITY_WHY_MAX 256

/* The renewals of a lease are this part of it apart (lib/io/etcd-lease.c). */
#define INEQUALITY_RENEWALS 3
/* What the clocks of two hosts may differ in over a span: a hundredth of it. */
#define INEQUALITY_DRIFT 100

typedef struct FenceTimes {
        uint64_t lease_ns;  /* L: a lease lives so long after its last renewal */
        uint64_t delay_ns;  /* D: the leader waits so long after a lease has ended */
        uint64_t soft_ns;   /* S: the watchdog kills the VMs so long after the last renewal */
        uint64_t kill_ns;   /* K: and takes at most so long about it */
        uint64_t hard_ns;   /* H: the hardware has reset the host so long after it */
        uint64_t device_ns; /* W: the hardware's own timeout, in whole seconds */
        uint64_t ask_ns; /* A: autonomous, from a round's common moment to the next round's end */
        bool device;     /* whether there is a hardware watchdog */
        bool autonomous;
} FenceTimes;

enum {
        INEQUALITY_BROKEN = 1,
};

/**
 * inequality_fill() - Put a default for every time that is 0
 * @times: lease_ns and delay_ns are set; the rest is worked out from them where it is 0
 */
void inequality_fill(FenceTimes *times);

/**
 * inequality_check() - Whether these times keep two incarnations from running at once
 * @times:   all set
 * @ret_why: written when broken: which part, with the figures, and what to change
 *
 * Return: 0; INEQUALITY_BROKEN.
 * Source: docs/fencing.md
 */
int inequality_check(const FenceTimes *times, char ret_why[static INEQUALITY_WHY_MAX]);
