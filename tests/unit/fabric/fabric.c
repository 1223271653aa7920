/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/fabric.h"

#include "tests/unit/fabric/world.h"
#include "tests/unit/failing.h"

static void one_host_deploys_scales_and_deletes(void **state)
{
        DeploymentRecord d = world_deployment("d1", 2, 1);
        FabricCount counts[] = {{"web", 4}};
        const OperationRecord *operation;
        World world;

        world_init(&world, 1, 1);
        assert_int_equal(world_deploy(&world, "guestbook", SLOT_PRODUCTION, &d), 0);
        assert_int_equal(world.plan->n_transactions, 1);
        assert_int_equal(world.plan->transactions[0].n_writes, 6);
        operation = world_operation(&world, "op4");
        assert_int_equal(operation->state, OPERATION_RUNNING);
        world_settle(&world);
        assert_int_equal(operation->state, OPERATION_SUCCEEDED);
        assert_int_equal(operation->done, 3);

        assert_int_equal(world_request(&world, (FabricRequest) {.kind = FABRIC_SCALE,
                                                                .service = "guestbook",
                                                                .counts = counts,
                                                                .n_counts = 1}),
                         0);
        assert_non_null(world_instance(&world, "d1/web_IN_3"));
        world_settle(&world);
        assert_int_equal(world_operation(&world, "op5")->state, OPERATION_SUCCEEDED);
        counts[0].count = 1;
        world_request(&world, (FabricRequest) {.kind = FABRIC_SCALE,
                                               .service = "guestbook",
                                               .counts = counts,
                                               .n_counts = 1});
        assert_int_equal(world_instance(&world, "d1/web_IN_1")->power, POWER_STOPPING);
        assert_int_equal(world_instance(&world, "d1/web_IN_0")->power, POWER_RUNNING);
        world_settle(&world);
        assert_null(world_instance(&world, "d1/web_IN_1"));
        assert_int_equal(world_operation(&world, "op6")->state, OPERATION_SUCCEEDED);

        assert_int_equal(world_request(&world, (FabricRequest) {.kind = FABRIC_DELETE,
                                                                .service = "guestbook"}),
                         0);
        world_settle(&world);
        assert_int_equal(world_operation(&world, "op7")->state, OPERATION_SUCCEEDED);
        assert_int_equal(world_count(&world, RECORD_INSTANCE), 0);
        assert_int_equal(world_count(&world, RECORD_DEPLOYMENT), 0);
        assert_int_equal(world_count(&world, RECORD_SERVICE), 0);
        assert_int_equal(world_count(&world, RECORD_OBSERVED), 0);
        assert_int_equal(world_count(&world, RECORD_PACKAGE), 0);
        world_tick(&world, SECONDS(601));
        assert_int_equal(world_count(&world, RECORD_OPERATION), 0);
        world_deinit(&world);
}

static void nothing_is_decided_before_everything_is_loaded(void **state)
{
        FabricRequest request = {.kind = FABRIC_SWAP, .service = "s", .operation = "op"};
        FabricEvent event = {.type = FABRIC_REQUEST, .request = &request};
        const FabricPlan *plan;
        const char *message;
        Fabric *fabric;

        assert_int_equal(fabric_new(&fabric), 0);
        assert_int_equal(fabric_step(fabric, &event, &plan), FABRIC_REFUSED);
        assert_int_equal(fabric_refusal(fabric, &message), FABRIC_UNAVAILABLE);
        assert_int_equal(plan->n_transactions, 0);
        assert_true(plan->wake_ns == FABRIC_NEVER);
        fabric_free(fabric);
        fabric_free(NULL);
}

static void own_echoes_are_passed_over(void **state)
{
        DeploymentRecord d = world_deployment("d1", 1, 0);
        Record old;
        World world;

        world_init(&world, 1, 1);
        world_deploy(&world, "s", SLOT_PRODUCTION, &d);
        record_init(&old, RECORD_INSTANCE);
        old.instance = *world_instance(&world, "d1/web_IN_0");
        old.instance.incarnation = 77;
        world_put(&world, &old);
        assert_int_equal(world_instance(&world, "d1/web_IN_0")->incarnation, 1);
        assert_int_equal(world.plan->n_transactions, 0);
        world_delete(&world, record_key_of(&old));
        assert_non_null(world_instance(&world, "d1/web_IN_0"));
        world_deinit(&world);
}

/* Feeds a second core with the records of the first, as after a change of leader. */
static void load(World *world, World *from)
{
        *world = (World) {.now_ns = from->now_ns, .n_operations = from->n_operations};
        assert_int_equal(fabric_new(&world->fabric), 0);
        for (unsigned type = 0; type < RECORD_TYPES; type++)
                MAP_FOREACH (entry, fabric_records(from->fabric, type))
                        world_put(world, entry->value);
        world_step(world, (FabricEvent) {.type = FABRIC_SYNCED});
}

static void a_new_leader_changes_nothing_and_goes_on(void **state)
{
        DeploymentRecord d = world_deployment("d1", 3, 1);
        World first, second;

        world_init(&first, 3, 3);
        world_deploy(&first, "s", SLOT_PRODUCTION, &d);
        load(&second, &first);
        assert_int_equal(second.plan->n_transactions, 0);
        world_settle(&second);
        assert_int_equal(world_operation(&second, "op6")->state, OPERATION_SUCCEEDED);
        world_deinit(&first);
        load(&first, &second);
        assert_int_equal(first.plan->n_transactions, 0);
        world_deinit(&first);
        world_deinit(&second);
}

static void what_has_come_meanwhile_is_one_plan(void **state)
{
        DeploymentRecord d = world_deployment("d1", 3, 0);
        RecordKey lost = {.type = RECORD_ALIVE, .name = "h1"};
        char operation[RECORD_NAME_MAX + 1];
        Record ready;
        World world;

        world_init(&world, 3, 3);
        world_deploy(&world, "s", SLOT_PRODUCTION, &d);
        snprintf(operation, sizeof(operation), "%s", world.operation);
        record_init(&ready, RECORD_OBSERVED);
        for (uint32_t i = 0; i < 3; i++) {
                char id[RECORD_NAME_MAX];
                const InstanceRecord *instance;

                snprintf(id, sizeof(id), "d1/web_IN_%u", i);
                instance = world_instance(&world, id);
                ready.observed.id = instance->id;
                ready.observed.incarnation = instance->incarnation;
                ready.observed.status = STATUS_READY_ROLE;
                ready.observed.in_rotation = true;
                memcpy(ready.observed.host, instance->host, sizeof(RecordName));
                world_step(
                        &world,
                        (FabricEvent) {.type = FABRIC_RECORD_PUT, .record = &ready, .more = true});
                assert_int_equal(world.plan->n_transactions, 0);
        }
        assert_int_equal(world_operation(&world, operation)->state, OPERATION_RUNNING);
        world_delete(&world, lost);
        assert_int_equal(world.plan->n_transactions, 1);
        world_alive(&world, "h1", true);
        assert_int_equal(world_operation(&world, operation)->state, OPERATION_SUCCEEDED);
        world_deinit(&world);
}

/* A step for the test under memory shortage, which must not assert on -ENOMEM. */
static int bare_step(Fabric *fabric, FabricEvent event, uint64_t time_ns)
{
        const FabricPlan *plan;

        event.time_ns = time_ns;
        return fabric_step(fabric, &event, &plan);
}

/* Loads the records of @from into a fresh core, asks for more instances, and loses a host. */
static int load_scale_and_lose(World *from)
{
        _cleanup_(fabric_freep) Fabric *fabric = NULL;
        FabricCount counts[] = {{"web", 6}};
        FabricRequest scale = {.kind = FABRIC_SCALE,
                               .operation = "op",
                               .service = "s",
                               .counts = counts,
                               .n_counts = 1,
                               .configuration = "<new/>"};
        int r = fabric_new(&fabric);

        for (unsigned type = 0; type < RECORD_TYPES && r == 0; type++)
                MAP_FOREACH (entry, fabric_records(from->fabric, type))
                        if (r == 0)
                                r = bare_step(fabric,
                                              (FabricEvent) {.type = FABRIC_RECORD_PUT,
                                                             .record = entry->value},
                                              from->now_ns);
        if (r == 0)
                r = bare_step(fabric, (FabricEvent) {.type = FABRIC_SYNCED}, from->now_ns);
        if (r == 0)
                r = bare_step(fabric, (FabricEvent) {.type = FABRIC_REQUEST, .request = &scale},
                              from->now_ns);
        if (r == 0)
                r = bare_step(fabric,
                              (FabricEvent) {.type = FABRIC_RECORD_DELETED,
                                             .key = {.type = RECORD_ALIVE, .name = "h1"}},
                              from->now_ns);
        if (r == 0)
                r = bare_step(fabric, (FabricEvent) {.type = FABRIC_TICK},
                              from->now_ns + SECONDS(2));
        return r;
}

static void survives_a_shortage_of_memory_anywhere(void **state)
{
        DeploymentRecord d = world_deployment("d1", 3, 1);
        World world;

        world_init(&world, 3, 3);
        world_deploy(&world, "s", SLOT_PRODUCTION, &d);
        world_settle(&world);
        FAILING_EACH(load_scale_and_lose(&world));
        world_deinit(&world);
}

static void refusals_have_names(void **state)
{
        for (unsigned i = FABRIC_NO_REFUSAL + 1; i < FABRIC_REFUSALS; i++)
                assert_true(str_is_name(fabric_refusal_to_string(i), RECORD_NAME_MAX));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_host_deploys_scales_and_deletes),
                cmocka_unit_test(nothing_is_decided_before_everything_is_loaded),
                cmocka_unit_test(own_echoes_are_passed_over),
                cmocka_unit_test(a_new_leader_changes_nothing_and_goes_on),
                cmocka_unit_test(what_has_come_meanwhile_is_one_plan),
                cmocka_unit_test(survives_a_shortage_of_memory_anywhere),
                cmocka_unit_test(refusals_have_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
