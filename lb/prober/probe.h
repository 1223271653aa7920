/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Health probes of many backends from one event loop. Each probe connects at its interval, with
 * jitter so that thousands do not fire together; a bad answer (refused, a status other than 200)
 * makes the backend bad at once, silence does so when no good answer has come for the timeout. A
 * backend is bad until its first good answer. */

#include <stdbool.h>
#include <sys/socket.h>

#include <systemd/sd-event.h>

#include "lib/base/macros.h"

#define PROBE_WHY_MAX 64
#define PROBE_ANSWER_MAX                                                                           \
        64 /* bytes of an HTTP answer that are looked at: the status line's start */

#define PROBE_EAGER_NS (50 * NSEC_PER_MSEC)

typedef struct Prober Prober;
typedef struct Probe Probe;

typedef struct ProbeTarget {
        struct sockaddr_storage address; /* with the port */
        socklen_t address_length;
        const char *path; /* of the HTTP request, copied; NULL: TCP, to connect is enough */
        uint64_t interval_ns;
        uint64_t timeout_ns;
} ProbeTarget;

/* Called when a probe's verdict or its reason changed; may free this probe or others. */
typedef void (*ProbeChanged)(Probe *probe, void *userdata);

/**
 * prober_new() - Make a prober
 * @event:      borrowed event loop
 * @seed:       of the jitter
 * @changed:    called from the event loop
 * @userdata:   for @changed
 * @ret_prober: owned
 *
 * Return: 0; -ENOMEM.
 */
int prober_new(sd_event *event, uint64_t seed, ProbeChanged changed, void *userdata,
               Prober **ret_prober);

/** prober_free() - End all its probes' attempts; the probes must have been freed */
void prober_free(Prober *prober);

/**
 * probe_new() - Begin to probe a target; the first attempt is made at once
 * @prober:    prober
 * @target:    copied
 * @userdata:  what probe_userdata() gives
 * @good:      verdict to begin with: that of an earlier run, or false
 * @ret_probe: owned
 *
 * Return: 0; -ENOMEM; the errno of sd-event.
 */
int probe_new(Prober *prober, const ProbeTarget *target, void *userdata, bool good,
              Probe **ret_probe);

/**
 * probe_soon() - Ask at once: the backend has just said that it is ready
 * @probe: probe
 *
 * While the answers are not good it is asked again after PROBE_EAGER_NS, twice that, and so on up
 * to the interval: it serves a moment after it can, and not up to an interval later. One that is
 * good already is left to its interval.
 */
void probe_soon(Probe *probe);

/** probe_free() - Stop probing */
void probe_free(Probe *probe);
DEFINE_CLEANUP(Probe *, probe_free)

/** probe_userdata() - What was given to probe_new() or probe_set_userdata() last */
void *probe_userdata(const Probe *probe);

/** probe_set_userdata() - Change what probe_userdata() gives */
void probe_set_userdata(Probe *probe, void *userdata);

/** probe_good() - Whether the backend is good */
bool probe_good(const Probe *probe);

/** probe_why() - What the last attempt met when it was not good; "" when it was */
const char *probe_why(const Probe *probe);
