/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The life of a role in its VM, decided: which program is started, signalled or waited for next,
 * and what the status is. Does nothing itself: it asks for things through RoleRunOps, and is told
 * what happened and what time it is. No clock, no I/O.
 *
 *   IDLE ─config→ FORMATTING? → TASKS → RUNNING ─stop→ STOPPING → STOPPED
 *                     ↑                              │
 *                     └────── recycle, after a delay ┘
 *
 * Programs are named by their source: "mkfs", "task-0", ..., "role", "nginx". A unit is
 * UNITS_PREFIX SOURCE-GENERATION.service; generations are never used twice, so that a late word of
 * an old one is never taken for a new one.
 */

#include "agent/restart.h"
#include "agent/units.h"
#include "lib/api/agent-protocol.h"
#include "lib/base/sm.h"

#define ROLE_RUN_TASKS_MAX     100
#define ROLE_RUN_SOURCE_MAX    32
#define ROLE_RUN_STOP_NS       (300 * NSEC_PER_SEC) /* Azure's: a role has five minutes */
#define ROLE_RUN_HUNG_STOP_NS  (10 * NSEC_PER_SEC)  /* one that does not answer has less */
#define ROLE_RUN_NGINX_STOP_NS (10 * NSEC_PER_SEC)  /* for requests that are under way */
#define ROLE_RUN_KILL_NS       (5 * NSEC_PER_SEC)   /* between killing and taking for gone */
#define ROLE_RUN_NEVER         UINT64_MAX

typedef enum RolePhase {
        ROLE_IDLE,
        ROLE_FORMATTING,
        ROLE_TASKS,
        ROLE_RUNNING,
        ROLE_STOPPING,
        ROLE_WAITING, /* between two attempts */
        ROLE_STOPPED,
        ROLE_PHASES,
} RolePhase;

enum { ROLE_PREPARE_FORMAT = 1 };

typedef struct RoleRunOps {
        /* network, disks, files. 0; ROLE_PREPARE_FORMAT when "mkfs" is to be run first; negative
         * errno */
        int (*prepare)(void *userdata, bool clean);
        /* start the program of a source as a unit; its end comes as role_run_ended() */
        int (*start)(void *userdata, const char *source, const char *unit);
        void (*kill)(void *userdata, const char *unit, bool all, int signal);
        void (*release)(void *userdata, const char *unit);
        /* the role has until then */
        void (*stopping)(void *userdata, uint64_t deadline_ns);
        void (*stopped)(void *userdata);
        /* something that role_run_status() or role_run_save() tell has changed */
        void (*changed)(void *userdata);
        /* an end of a program, for the host; 0 restart_ns: at once */
        void (*exited)(void *userdata, const char *source, const UnitEnd *end, bool restarts,
                       uint64_t restart_ns);
} RoleRunOps;

typedef struct Program {
        char source[ROLE_RUN_SOURCE_MAX];
        char unit[UNITS_NAME_MAX]; /* "" when none runs */
        bool started;              /* it has been executed */
        uint64_t restart_at_ns;    /* ROLE_RUN_NEVER for not */
        Restart restart;
} Program;

typedef struct RoleRun {
        const RoleRunOps *ops;
        void *userdata;
        const AgentConfig *config; /* borrowed; NULL in IDLE */
        RolePhase phase;
        Sm status;
        uint64_t status_since_ns;
        char detail[256];
        Program mkfs, role, nginx, *tasks;
        size_t n_tasks, next_task;
        Restart attempts; /* of everything before RUNNING, and of recycles */
        uint64_t generation;
        uint64_t restarts;
        bool ready;             /* the role has said so, or need not */
        bool recycling;         /* STOPPING is to be followed by a new start */
        bool clean;             /* which empties what is to be empty then */
        uint64_t busy_until_ns; /* 0: not busy */
        uint64_t progress_by_ns;
        uint64_t stop_by_ns, nginx_by_ns;
        uint64_t again_at_ns; /* in WAITING */
        bool killed;
        bool hung;
} RoleRun;

/**
 * role_run_init() - Begin with nothing
 * @run:      run
 * @ops:      borrowed for its life
 * @userdata: for @ops
 * @now_ns:   CLOCK_BOOTTIME, here and below
 */
void role_run_init(RoleRun *run, const RoleRunOps *ops, void *userdata, uint64_t now_ns);

/** role_run_deinit() - Free what it holds; units go on running */
void role_run_deinit(RoleRun *run);

/**
 * role_run_configure() - Take a configuration: the first starts everything, a later one is only
 * noted
 * @config: borrowed until the next call
 *
 * Return: 0; -ENOMEM; -E2BIG when it has more than ROLE_RUN_TASKS_MAX startup tasks.
 */
int role_run_configure(RoleRun *run, const AgentConfig *config, uint64_t now_ns);

/** role_run_started() - A unit's program has been executed */
void role_run_started(RoleRun *run, const char *unit, uint64_t now_ns);

/** role_run_ended() - A unit has ended, or could not be started */
void role_run_ended(RoleRun *run, const UnitEnd *end, uint64_t now_ns);

/** role_run_set_ready() - The role says that it is ready */
void role_run_set_ready(RoleRun *run, uint64_t now_ns);

/** role_run_set_busy() - The role is busy until @until_ns, or ROLE_RUN_NEVER for until it is ready
 */
void role_run_set_busy(RoleRun *run, uint64_t until_ns, uint64_t now_ns);

/** role_run_progress() - The role lives, and will say so again by @by_ns (ROLE_RUN_NEVER: need not)
 */
void role_run_progress(RoleRun *run, uint64_t by_ns);

/**
 * role_run_stop() - Stop everything
 * @run:         run
 * @deadline_ns: then it is killed
 */
void role_run_stop(RoleRun *run, uint64_t deadline_ns, uint64_t now_ns);

/**
 * role_run_recycle() - Stop the role and start it anew, startup tasks first
 * @run:    run
 * @reason: becomes the detail
 */
void role_run_recycle(RoleRun *run, const char *reason, uint64_t now_ns);

/** role_run_tick() - Time has passed */
void role_run_tick(RoleRun *run, uint64_t now_ns);

/** role_run_next_ns() - When role_run_tick() is to be called at the latest */
uint64_t role_run_next_ns(const RoleRun *run);

/** role_run_status() - The present status */
AgentStatus role_run_status(const RoleRun *run);

/**
 * role_run_save() - What a later agent needs to go on
 * @run:      run
 * @ret_text: owned
 *
 * Return: 0; -ENOMEM.
 */
int role_run_save(const RoleRun *run, char **ret_text);

/**
 * role_run_resume() - Go on where an earlier agent was; role_run_adopt() for each unit, then
 * role_run_resumed()
 * @run:    just initialised
 * @config: as role_run_configure()
 * @text:   of role_run_save()
 *
 * Return: 0; -EINVAL when the text is none, and then nothing has changed; -ENOMEM; -E2BIG.
 */
int role_run_resume(RoleRun *run, const AgentConfig *config, const char *text, uint64_t now_ns);

/** role_run_adopt() - A unit that an earlier agent has started is there */
void role_run_adopt(RoleRun *run, const char *unit);

/** role_run_resumed() - All units have been adopted: do what is due */
void role_run_resumed(RoleRun *run, uint64_t now_ns);
