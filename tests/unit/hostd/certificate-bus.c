/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The methods about certificates: what they show, and what they refuse before a file is read. */

#include "tests/unit/hostd/bus-world.h"

#define SHA1   "0123456789abcdef0123456789abcdef01234567"
#define SHA256 SHA1 "0123456789abcdef01234567"

static void write_certificate(BusWorld *world)
{
        Record record;

        record_init(&record, RECORD_CERTIFICATE);
        memcpy(record.certificate.digest, SHA256, sizeof(SHA256));
        memcpy(record.certificate.sha1, SHA1, sizeof(SHA1));
        strcpy(record.certificate.subject, "CN = shop");
        record.certificate.expires_us = 5;
        record.certificate.added_us = 6;
        record.certificate.chain = strdup("chain");
        record.certificate.key = strdup("key");
        bus_world_write(world, &record);
        record_deinit(&record);
}

static void write_deployment(BusWorld *world)
{
        Record record;

        record_init(&record, RECORD_DEPLOYMENT);
        strcpy(record.deployment.id, "d00000002");
        strcpy(record.deployment.service, "safe");
        memset(record.deployment.package, 'a', RECORD_DIGEST_MAX);
        record.deployment.definition = strdup("<a/>");
        record.deployment.configuration =
                strdup("<b thumbprint='0123456789ABCDEF0123456789ABCDEF01234567'/>");
        bus_world_write(world, &record);
        record_deinit(&record);
}

static void certificates_are_listed_without_their_keys(void **state)
{
        BusWorld *world = *state;

        bus_world_expect(world, BUS_CALL "ListCertificates", "a(ssstt) 0");
        assert_false(certificate_bus_has(world->host1, SHA1));
        write_certificate(world);
        bus_world_expect(
                world, BUS_CALL "ListCertificates",
                "a(ssstt) 1 \"0123456789ABCDEF0123456789ABCDEF01234567\" \"0123456789ABCDEF0123456"
                "789ABCDEF012345670123456789ABCDEF01234567\" \"CN = shop\" 5 6\n");
        assert_true(certificate_bus_has(world->host1, SHA1));
        assert_true(certificate_bus_has(world->host1, SHA256));
        assert_false(certificate_bus_has(world->host1, ""));
}

static void what_is_unknown_or_in_use_is_not_removed(void **state)
{
        BusWorld *world = *state;

        bus_world_expect(world, BUS_CALL "RemoveCertificate s " SHA1, "there is no certificate");
        write_certificate(world);
        bus_world_expect(world, BUS_CALL "RemoveCertificate s " SHA1, "has no leader yet");
        write_deployment(world);
        bus_world_expect(world, BUS_CALL "RemoveCertificate s " SHA256, "of service \"safe\"");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                BUS_TEST(certificates_are_listed_without_their_keys),
                BUS_TEST(what_is_unknown_or_in_use_is_not_removed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
