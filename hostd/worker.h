/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Threads for what blocks (libvirt calls, image files, packages), so that the event loop never
 * does. A job runs on one of the threads and is then finished on the event loop. Jobs share nothing
 * with the loop while they run: what a job needs is copied into it, what it found is read when it
 * is done. */

#include <systemd/sd-event.h>

#include "lib/base/macros.h"

typedef struct Worker Worker;
typedef struct WorkerJob WorkerJob;

/* Embedded in the caller's own structure, or alone. */
struct WorkerJob {
        int (*run)(WorkerJob *job);               /* on a thread: may block */
        void (*done)(WorkerJob *job, int result); /* on the loop: @result is what run() returned */
        WorkerJob *next;                          /* the worker's own */
        int result;                               /* the worker's own */
};

/**
 * worker_new() - Start some threads
 * @event:      loop that jobs are finished on
 * @n_threads:  1 to WORKER_THREADS_MAX
 * @ret_worker: owned
 *
 * Return: 0; a negative errno.
 */
int worker_new(sd_event *event, unsigned n_threads, Worker **ret_worker);

#define WORKER_THREADS_MAX 16

/**
 * worker_free() - Wait for the jobs that run, finish all on this thread and end the threads
 * @worker: worker, or NULL
 *
 * Jobs that have not begun are finished with -ECANCELED without having run.
 *
 * Return: NULL.
 */
Worker *worker_free(Worker *worker);
DEFINE_CLEANUP(Worker *, worker_free)

/**
 * worker_submit() - Hand a job to the threads; they take jobs in the order they came
 * @worker: worker
 * @job:    borrowed until its done() is called
 */
void worker_submit(Worker *worker, WorkerJob *job);
