/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The VMs of the hosts, and which instance runs where at this moment: never one of them twice. */

#include "tests/sim/state.h"

/** vm_run() - It runs from now on */
void vm_run(World *world, SimHost *host, Vm *vm);

/** vm_halt() - It runs no more */
void vm_halt(World *world, Vm *vm);

/** vms_kill() - All that runs on the host is dead at once */
void vms_kill(World *world, SimHost *host);

/** vm_report() - The host writes what it sees of the VM */
void vm_report(World *world, unsigned index, const Vm *vm);

/** vm_go() - Bring it to a state; it goes on to its next after @after_ns, or never */
void vm_go(World *world, unsigned index, Vm *vm, VmState state, InstanceStatus status,
           uint64_t after_ns);

/** vm_new() - What the host keeps of an instance that it is to run or stop */
Vm *vm_new(World *world, SimHost *host, const char *id, const InstanceRecord *wanted);

/** vm_remove() - Nothing is left of it, its observed record is deleted */
void vm_remove(World *world, unsigned index, const char *id, Vm *vm);

/** vm_os_is_bad() - Whether no role becomes Ready on its guest OS: versions that end in `bad` */
bool vm_os_is_bad(const char *version);

/** vm_event() - The time for its next state has come */
void vm_event(World *world, const Event *event);
