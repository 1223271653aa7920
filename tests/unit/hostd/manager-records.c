/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/image-version.h"
#include "tests/unit/hostd/manager-world.h"

/* What the store calls for each record that it reads. */
static void put(Manager *manager, const Record *record)
{
        StoreHandlers handlers = manager_record_handlers(manager);

        handlers.put(handlers.userdata, record, NULL);
}

static Record host_record(const char *name)
{
        Record record;

        record_init(&record, RECORD_HOST);
        snprintf(record.host.name, sizeof(RecordName), "%s", name);
        snprintf(record.host.update.operation, sizeof(RecordName), "op1");
        record.host.update.begun = true;
        boot_id_read(record.host.update.boot);
        snprintf(record.host.update.url, sizeof(record.host.update.url), "no address");
        return record;
}

/* This host's own record, and no other's, tells it to update itself. */
static void only_its_own_record_tells_it_to_update(void **state)
{
        ManagerWorld world;
        Record other = host_record("another"), own;

        manager_world_begin(&world);
        put(world.manager, &other);
        assert_string_equal(world.manager->report.operation, "");
        own = host_record(world.config.config.host);
        put(world.manager, &own);
        assert_string_equal(world.manager->report.operation, "op1");
        assert_true(world.manager->report.problem[0]);
        manager_world_end(&world);
}

static void a_host_that_is_removed_has_nothing_to_update(void **state)
{
        ManagerWorld world;
        StoreHandlers handlers;
        RecordKey key;
        Record own;

        manager_world_begin(&world);
        own = host_record(world.config.config.host);
        key = record_key_of(&own);
        put(world.manager, &own);
        handlers = manager_record_handlers(world.manager);
        handlers.deleted(handlers.userdata, &key, &own);
        assert_string_equal(world.manager->report.operation, "");
        manager_world_end(&world);
}

static void who_leads_is_kept(void **state)
{
        StoreLeader leader = {.host = "h7", .create_revision = 5, .revision = 5};
        ManagerWorld world;
        StoreHandlers handlers;

        manager_world_begin(&world);
        handlers = manager_record_handlers(world.manager);
        handlers.leader(handlers.userdata, &leader);
        assert_string_equal(world.manager->leader.host, "h7");
        assert_ptr_not_equal(world.manager->leader.host, leader.host); /* it is the store's */
        handlers.leader(handlers.userdata, &(StoreLeader) {.revision = 6});
        assert_null(world.manager->leader.host);
        manager_world_end(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_its_own_record_tells_it_to_update),
                cmocka_unit_test(a_host_that_is_removed_has_nothing_to_update),
                cmocka_unit_test(who_leads_is_kept),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
