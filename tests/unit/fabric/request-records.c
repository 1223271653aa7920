/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/request.h"

#include "tests/unit/fabric/world.h"

static void a_certificate_is_kept_until_it_is_taken_back(void **state)
{
        Record certificate;
        World world;

        world_init(&world, 1, 1);
        record_init(&certificate, RECORD_CERTIFICATE);
        snprintf(certificate.certificate.digest, sizeof(RecordDigest), "%s", SAMPLE_DIGEST);
        assert_int_equal(str_set(&certificate.certificate.key, "secret"), 0);
        world_request(&world, (FabricRequest) {.kind = FABRIC_REGISTER, .record = &certificate});
        assert_int_equal(world.plan->n_transactions, 1);
        assert_string_equal(world.plan->transactions[0].writes[0].record->certificate.key,
                            "secret");
        world_request(&world, (FabricRequest) {.kind = FABRIC_UNREGISTER, .record = &certificate});
        assert_int_equal(world.plan->n_transactions, 1);
        assert_null(world.plan->transactions[0].writes[0].record);
        assert_int_equal(world.plan->transactions[0].writes[0].key.type, RECORD_CERTIFICATE);
        world_request(&world, (FabricRequest) {.kind = FABRIC_UNREGISTER, .record = &certificate});
        assert_int_equal(world.plan->n_transactions, 0);
        record_deinit(&certificate);
        world_deinit(&world);
}

static void what_is_not_there_is_refused_by_name(void **state)
{
        Record os;
        World world;

        world_init(&world, 1, 1);
        record_init(&os, RECORD_OS);
        strcpy(os.os.family, "debian-13");
        strcpy(os.os.version, "none");
        assert_int_equal(
                world_request(&world, (FabricRequest) {.kind = FABRIC_DISABLE_OS, .record = &os}),
                FABRIC_NO_GUEST_OS);
        assert_int_equal(
                world_request(&world, (FabricRequest) {.kind = FABRIC_UNREGISTER, .record = &os}),
                FABRIC_NO_GUEST_OS);
        assert_int_equal(
                world_request(&world,
                              (FabricRequest) {.kind = FABRIC_HOLD, .host = "h0", .record = &os}),
                FABRIC_NO_SUCH_PACKAGE);
        world_deinit(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_certificate_is_kept_until_it_is_taken_back),
                cmocka_unit_test(what_is_not_there_is_refused_by_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
