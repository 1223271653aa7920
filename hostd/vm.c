/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The state machine of a role VM. There is no stored goal: at each fork the records are asked
 * again, so a wish that changes half way (delete during a reimage) takes effect at the next fork.
 */

#include "hostd/vm.h"

#include <stdio.h>
#include <string.h>

static const SmState states[] = {
        [VM_NEW] = {"new", SM_TO(VM_PREPARING) | SM_TO(VM_GONE)},
        [VM_PREPARING] = {"preparing", SM_TO(VM_PLUGGING) | SM_TO(VM_DOWN)},
        [VM_PLUGGING] = {"plugging", SM_TO(VM_STARTING) | SM_TO(VM_DOWN)},
        [VM_STARTING] = {"starting", SM_TO(VM_RUNNING) | SM_TO(VM_DOWN)},
        [VM_RUNNING] = {"running", SM_TO(VM_DRAINING) | SM_TO(VM_RESETTING) | SM_TO(VM_DESTROYING) |
                                           SM_TO(VM_DOWN)},
        [VM_DRAINING] = {"draining", SM_TO(VM_STOPPING) | SM_TO(VM_RUNNING) | SM_TO(VM_RESETTING) |
                                             SM_TO(VM_DESTROYING) | SM_TO(VM_DOWN)},
        [VM_STOPPING] = {"stopping", SM_TO(VM_RESETTING) | SM_TO(VM_DESTROYING) | SM_TO(VM_DOWN)},
        [VM_RESETTING] = {"resetting", SM_TO(VM_RUNNING) | SM_TO(VM_DESTROYING) | SM_TO(VM_DOWN)},
        [VM_DESTROYING] = {"destroying", SM_TO(VM_DOWN) | SM_TO(VM_UNPLUGGING)},
        [VM_DOWN] = {"down", SM_TO(VM_PREPARING) | SM_TO(VM_RUNNING) | SM_TO(VM_DESTROYING) |
                                     SM_TO(VM_UNPLUGGING)},
        [VM_UNPLUGGING] = {"unplugging", SM_TO(VM_CLEANING)},
        [VM_CLEANING] = {"cleaning", SM_TO(VM_GONE)},
        [VM_GONE] = {"gone", 0},
};

typedef enum Goal {
        GOAL_RUN,
        GOAL_RESET,
        GOAL_REBOOT,
        GOAL_RENEW, /* reimage or rebuild */
        GOAL_REMOVE,
} Goal;

static bool requested(const Vm *vm, const VmWish *wish, InstanceAction action)
{
        return wish->requests[action] > vm->applied[action];
}

static Goal goal_of(const Vm *vm, const VmWish *wish)
{
        if (!wish->wanted)
                return GOAL_REMOVE;
        if (requested(vm, wish, ACTION_REBUILD) || requested(vm, wish, ACTION_REIMAGE))
                return GOAL_RENEW;
        if (requested(vm, wish, ACTION_RESET))
                return GOAL_RESET;
        if (requested(vm, wish, ACTION_REBOOT))
                return GOAL_REBOOT;
        return GOAL_RUN;
}

/* Whether the guest has a say in what is about to happen. */
static bool is_gentle(const Vm *vm, const VmWish *wish, const VmFacts *facts)
{
        return facts->agent_alive && goal_of(vm, wish) != GOAL_RESET &&
               (wish->wanted || !wish->at_once);
}

/* What is begun now carries out all that is requested now: the greater includes the lesser. */
static void apply(Vm *vm, const VmWish *wish)
{
        memcpy(vm->applying, wish->requests, sizeof(vm->applying));
}

static void applied(Vm *vm)
{
        memcpy(vm->applied, vm->applying, sizeof(vm->applied));
}

static void enter(Vm *vm, VmState state, uint64_t now_ns)
{
        sm_move(&vm->sm, state);
        vm->since_ns = now_ns;
        vm->due_ns = 0;
}

/* Enters a state whose action is begun by the next step. */
static void enter_due(Vm *vm, VmState state, uint64_t now_ns)
{
        enter(vm, state, now_ns);
        vm->due_ns = MAX(now_ns, UINT64_C(1));
}

static VmAction enter_do(Vm *vm, VmState state, VmAction action, uint64_t now_ns)
{
        enter(vm, state, now_ns);
        return action;
}

static void set_detail(Vm *vm, const char *detail)
{
        snprintf(vm->detail, sizeof(vm->detail), "%s", detail ? detail : "");
}

static void pause_before_retry(Vm *vm, uint64_t now_ns)
{
        vm->pause_ns =
                vm->pause_ns == 0 ? VM_RETRY_FIRST_NS : MIN(2 * vm->pause_ns, VM_RETRY_LAST_NS);
        vm->due_ns = now_ns + vm->pause_ns;
}

/* No domain any more: @why it ended, or could not be started when @failed. */
static void go_down(Vm *vm, bool failed, const char *why, uint64_t now_ns)
{
        enter(vm, VM_DOWN, now_ns);
        vm->failed = failed;
        set_detail(vm, why);
        pause_before_retry(vm, now_ns);
}

void vm_init(Vm *vm, const uint64_t requests[static ACTIONS], uint64_t now_ns)
{
        *vm = (Vm) {.since_ns = now_ns};
        memcpy(vm->applied, requests, sizeof(vm->applied));
        sm_init(&vm->sm, states, ARRAY_SIZE(states), VM_NEW);
}

void vm_adopt(Vm *vm, const uint64_t counters[static ACTIONS], DomainState domain, uint64_t now_ns)
{
        *vm = (Vm) {.since_ns = now_ns};
        memcpy(vm->applied, counters, sizeof(vm->applied));
        sm_init(&vm->sm, states, ARRAY_SIZE(states),
                domain == DOMAIN_ABSENT ? VM_DOWN : VM_RUNNING);
        vm->due_ns = domain == DOMAIN_ABSENT ? MAX(now_ns, UINT64_C(1)) : 0;
}

bool vm_busy(const Vm *vm)
{
        switch (vm_state(vm)) {
        case VM_PREPARING:
        case VM_PLUGGING:
        case VM_STARTING:
        case VM_RESETTING:
        case VM_DESTROYING:
        case VM_UNPLUGGING:
        case VM_CLEANING:
                return vm->due_ns == 0;
        default:
                return false;
        }
}

/* From a state that has a domain: what is to become of it, once it is drained and stopped as far as
 * it can be. */
static VmAction end_domain(Vm *vm, const VmWish *wish, uint64_t now_ns)
{
        Goal goal = goal_of(vm, wish);

        apply(vm, wish);
        if (goal == GOAL_REMOVE || goal == GOAL_RENEW)
                return enter_do(vm, VM_DESTROYING, VM_DO_DESTROY, now_ns);
        return enter_do(vm, VM_RESETTING, VM_DO_RESET, now_ns);
}

static VmAction step_running(Vm *vm, const VmWish *wish, const VmFacts *facts, uint64_t now_ns)
{
        if (vm->pause_ns > 0 && now_ns - vm->since_ns >= VM_SETTLED_NS)
                vm->pause_ns = 0;
        if (goal_of(vm, wish) == GOAL_RUN)
                return VM_DO_NOTHING;
        if (!is_gentle(vm, wish, facts))
                return end_domain(vm, wish, now_ns);
        vm->until_ns = now_ns + wish->drain_ns;
        return enter_do(vm, VM_DRAINING, VM_DO_DRAIN, now_ns);
}

static VmAction step_draining(Vm *vm, const VmWish *wish, const VmFacts *facts, uint64_t now_ns)
{
        if (goal_of(vm, wish) == GOAL_RUN) {
                enter(vm, VM_RUNNING, now_ns);
                return VM_DO_NOTHING;
        }
        if (!is_gentle(vm, wish, facts))
                return end_domain(vm, wish, now_ns);
        if (!facts->drained && now_ns < vm->until_ns)
                return VM_DO_NOTHING;
        vm->until_ns = now_ns + wish->stop_ns;
        return enter_do(vm, VM_STOPPING, VM_DO_STOP_ROLE, now_ns);
}

/* A role that was told to stop is not called back: when its VM is wanted again after all, it is
 * restarted. */
static VmAction step_stopping(Vm *vm, const VmWish *wish, const VmFacts *facts, uint64_t now_ns)
{
        if (facts->role_stopped || !is_gentle(vm, wish, facts) || now_ns >= vm->until_ns)
                return end_domain(vm, wish, now_ns);
        return VM_DO_NOTHING;
}

/* Whether anything is asked for that the last attempt did not take up: that one does not wait. */
static bool is_news(const Vm *vm, const VmWish *wish)
{
        for (unsigned a = 0; a < ACTIONS; a++)
                if (requested(vm, wish, a) && wish->requests[a] > vm->applying[a])
                        return true;
        return false;
}

static VmAction step_down(Vm *vm, const VmWish *wish, const VmFacts *facts, uint64_t now_ns)
{
        Goal goal = goal_of(vm, wish);

        if (!facts->domain_known)
                return VM_DO_NOTHING;
        if (facts->domain != DOMAIN_ABSENT && goal == GOAL_REMOVE)
                return enter_do(vm, VM_DESTROYING, VM_DO_DESTROY, now_ns);
        if (facts->domain != DOMAIN_ABSENT) { /* it was started after all */
                enter(vm, VM_RUNNING, now_ns);
                return VM_DO_NOTHING;
        }
        if (goal == GOAL_REMOVE)
                return enter_do(vm, VM_UNPLUGGING, VM_DO_UNPLUG, now_ns);
        if (facts->blocked || facts->forbidden || (now_ns < vm->due_ns && !is_news(vm, wish)))
                return VM_DO_NOTHING;
        apply(vm, wish);
        return enter_do(vm, VM_PREPARING, VM_DO_PREPARE, now_ns);
}

static VmAction step_new(Vm *vm, const VmWish *wish, const VmFacts *facts, uint64_t now_ns)
{
        if (!wish->wanted) {
                enter(vm, VM_GONE, now_ns);
                return VM_DO_NOTHING;
        }
        if (facts->blocked || facts->forbidden)
                return VM_DO_NOTHING;
        apply(vm, wish);
        return enter_do(vm, VM_PREPARING, VM_DO_PREPARE, now_ns);
}

/* On the way up nothing is begun that is no longer wanted, or may not be. */
static VmAction step_action(Vm *vm, const VmWish *wish, const VmFacts *facts, uint64_t now_ns)
{
        static const VmAction actions[_VM_STATE_MAX] = {
                [VM_PLUGGING] = VM_DO_PLUG,     [VM_STARTING] = VM_DO_START,
                [VM_RESETTING] = VM_DO_RESET,   [VM_DESTROYING] = VM_DO_DESTROY,
                [VM_UNPLUGGING] = VM_DO_UNPLUG, [VM_CLEANING] = VM_DO_CLEAN,
        };
        VmState state = vm_state(vm);

        if (vm->due_ns == 0 || now_ns < vm->due_ns)
                return VM_DO_NOTHING;
        if ((state == VM_PLUGGING || state == VM_STARTING) && (!wish->wanted || facts->forbidden)) {
                enter_due(vm, VM_DOWN, now_ns);
                return VM_DO_NOTHING;
        }
        vm->due_ns = 0;
        return actions[state];
}

static bool has_domain(VmState state)
{
        return state == VM_RUNNING || state == VM_DRAINING || state == VM_STOPPING;
}

static VmAction step_once(Vm *vm, const VmWish *wish, const VmFacts *facts, uint64_t now_ns)
{
        switch (vm_state(vm)) {
        case VM_NEW:
                return step_new(vm, wish, facts, now_ns);
        case VM_RUNNING:
                return step_running(vm, wish, facts, now_ns);
        case VM_DRAINING:
                return step_draining(vm, wish, facts, now_ns);
        case VM_STOPPING:
                return step_stopping(vm, wish, facts, now_ns);
        case VM_DOWN:
                return step_down(vm, wish, facts, now_ns);
        default:
                return step_action(vm, wish, facts, now_ns);
        }
}

/* What runs goes on running until there is something to make it anew of. */
static VmWish wish_for_now(const Vm *vm, const VmWish *wish, const VmFacts *facts)
{
        VmWish now = *wish;

        if (facts->lacking && (vm_state(vm) == VM_RUNNING || vm_state(vm) == VM_DRAINING)) {
                now.requests[ACTION_REIMAGE] = vm->applied[ACTION_REIMAGE];
                now.requests[ACTION_REBUILD] = vm->applied[ACTION_REBUILD];
        }
        return now;
}

VmAction vm_step(Vm *vm, const VmWish *asked, const VmFacts *facts, uint64_t now_ns)
{
        VmWish now = wish_for_now(vm, asked, facts);
        const VmWish *wish = &now;
        VmAction action;
        VmState before;

        if ((has_domain(vm_state(vm)) || (vm_state(vm) == VM_RESETTING && !vm_busy(vm))) &&
            facts->domain_known && facts->domain == DOMAIN_ABSENT) {
                go_down(vm, false, "the VM ended by itself", now_ns);
                if (vm->pause_ns == VM_RETRY_FIRST_NS)
                        vm->due_ns = MAX(now_ns, UINT64_C(1)); /* the first time at once */
        }
        do { /* a state that was left without an action is not the last word; the machine has no
                idle cycle */
                before = vm_state(vm);
                now = wish_for_now(vm, asked, facts);
                action = step_once(vm, wish, facts, now_ns);
        } while (action == VM_DO_NOTHING && vm_state(vm) != before);
        return action;
}

static void done_well(Vm *vm, uint64_t now_ns)
{
        switch (vm_state(vm)) {
        case VM_PREPARING:
                applied(vm);
                enter_due(vm, VM_PLUGGING, now_ns);
                break;
        case VM_PLUGGING:
                enter_due(vm, VM_STARTING, now_ns);
                break;
        case VM_STARTING:
                enter(vm, VM_RUNNING, now_ns);
                vm->failed = false;
                set_detail(vm, NULL);
                break;
        case VM_RESETTING:
                applied(vm);
                enter(vm, VM_RUNNING, now_ns);
                break;
        case VM_DESTROYING:
                enter_due(vm, VM_DOWN, now_ns);
                break;
        case VM_UNPLUGGING:
                enter_due(vm, VM_CLEANING, now_ns);
                break;
        case VM_CLEANING:
                enter(vm, VM_GONE, now_ns);
                break;
        default:
                assert(false);
        }
}

void vm_done(Vm *vm, bool ok, const char *message, uint64_t now_ns)
{
        assert(vm_busy(vm));
        if (ok)
                return done_well(vm, now_ns);
        switch (vm_state(vm)) {
        case VM_PREPARING:
        case VM_PLUGGING:
        case VM_STARTING:
                go_down(vm, true, message, now_ns);
                break;
        case VM_RESETTING: /* a domain that cannot be reset is in the end made anew */
                set_detail(vm, message);
                pause_before_retry(vm, now_ns);
                if (vm->pause_ns > VM_RESET_PAUSE_MAX_NS)
                        enter_due(vm, VM_DESTROYING, now_ns);
                break;
        default:
                set_detail(vm, message);
                pause_before_retry(vm, now_ns);
        }
}

uint64_t vm_deadline(const Vm *vm)
{
        switch (vm_state(vm)) {
        case VM_DRAINING:
                return vm->until_ns;
        case VM_STOPPING:
                return vm->until_ns;
        default:
                return vm->due_ns > 0 ? vm->due_ns : UINT64_MAX;
        }
}

bool vm_is_to_be_made(const Vm *vm, const VmWish *wish)
{
        return vm_state(vm) == VM_NEW || vm_state(vm) == VM_DOWN || goal_of(vm, wish) == GOAL_RENEW;
}

bool vm_may_serve(const Vm *vm)
{
        return vm_state(vm) == VM_RUNNING;
}

const char *vm_action_to_string(VmAction action)
{
        static const char *const names[_VM_ACTION_MAX] = {
                [VM_DO_NOTHING] = "nothing", [VM_DO_PREPARE] = "prepare",
                [VM_DO_PLUG] = "plug",       [VM_DO_START] = "start",
                [VM_DO_DRAIN] = "drain",     [VM_DO_STOP_ROLE] = "stop role",
                [VM_DO_RESET] = "reset",     [VM_DO_DESTROY] = "destroy",
                [VM_DO_UNPLUG] = "unplug",   [VM_DO_CLEAN] = "clean",
        };

        return names[action];
}
