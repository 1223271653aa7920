/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Programs as transient units of the guest's systemd, spoken to over its private socket, so that it
 * works before, without and after the message bus. A unit stays known after its end until it is
 * released: an end that happens while there is no agent is found by the next one. */

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "lib/base/macros.h"

/* Every unit's name begins so; what follows is the caller's. */
#define UNITS_PREFIX          "troupe-run-"
#define UNITS_NAME_MAX        128
#define UNITS_ARGUMENTS       12
#define UNITS_PRIVATE_ADDRESS "unix:path=/run/systemd/private"

typedef struct Units Units;

typedef struct UnitSpec {
        const char *name; /* UNITS_PREFIX "role-3.service" */
        const char *description;
        const char *arguments[UNITS_ARGUMENTS]; /* absolute path of the program first, NULL at the
                                                   end */
        const char *user;                       /* NULL: root */
        const char *directory;                  /* NULL: "/" */
        char **environment;                     /* NAME=value, NULL at the end; NULL for none */
        const char *
                pid_file; /* of a program that goes into the background once it serves; else NULL */
        int out_fd, err_fd;  /* borrowed */
        uint64_t memory_max; /* 0: no limit */
        uint64_t tasks_max;  /* 0: systemd's default */
} UnitSpec;

/* How a program has ended, or that it could not be started. */
typedef struct UnitEnd {
        const char *name;
        const char *cause; /* "exited", "signal", "oom", "timeout", "start" */
        unsigned code, signal;
        uint64_t ran_ns;
} UnitEnd;

typedef struct UnitsSink {
        void *userdata;
        void (*started)(void *userdata, const char *name);
        void (*ended)(void *userdata, const UnitEnd *end);
} UnitsSink;

/**
 * units_new() - Connect to systemd
 * @event:     loop; it is exited when systemd hangs up
 * @address:   UNITS_PRIVATE_ADDRESS
 * @sink:      copied; called from the loop
 * @ret_units: owned
 *
 * Return: 0; -ENOMEM; a negative errno of sd-bus.
 */
int units_new(sd_event *event, const char *address, const UnitsSink *sink, Units **ret_units);

/** units_free() - Disconnect; the units stay. NULL is fine. Return: NULL */
Units *units_free(Units *units);
DEFINE_CLEANUP(Units *, units_free)

/**
 * units_adopt() - Find the units that an earlier agent has started
 * @units: units
 * @found: called for each; then sink->ended() for one that has ended meanwhile
 * @userdata: for @found
 *
 * Waits for systemd's answer.
 *
 * Return: 0; a negative errno of sd-bus.
 */
int units_adopt(Units *units, void (*found)(void *userdata, const char *name), void *userdata);

/**
 * units_start() - Start a program
 * @units: units
 * @spec:  borrowed for the call; the name must never have been used since the guest booted
 *
 * sink->started() follows when the program has been executed, sink->ended() when it has ended or
 * could not be started.
 *
 * Return: 0; -ENOMEM; a negative errno of sd-bus.
 */
int units_start(Units *units, const UnitSpec *spec);

/**
 * units_kill() - Send a signal
 * @units:  units
 * @name:   unit; one that has ended is no error
 * @all:    to all its processes, else to its main process
 * @signal: signal
 */
void units_kill(Units *units, const char *name, bool all, int signal);

/**
 * units_watch() - Be told when a unit that is not the agent's becomes active
 * @units:    units
 * @name:     unit; there can be one
 * @active:   called from the loop: each time it has become active, and once when it is already
 * @userdata: for @active
 *
 * Return: 0; -ENOMEM; a negative errno of sd-bus.
 */
int units_watch(Units *units, const char *name, void (*active)(void *userdata), void *userdata);

/** units_release() - Forget a unit that has ended, and end what is left of its processes */
void units_release(Units *units, const char *name);
