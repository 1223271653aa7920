/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/openssl-pki.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>

#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "tests/unit/test.h"

#define NOW_US UINT64_C(1800000000000000)

typedef struct World {
        char *ca, *ca_key, *key, *request, *certificate;
        RecordName serial;
        IpAddress addresses[2];
        PkiSubject subject;
} World;

static void world_init(World *world)
{
        *world = (World) {};
        ip_parse("192.0.2.1", &world->addresses[0]);
        ip_parse("2001:db8::1", &world->addresses[1]);
        world->subject = (PkiSubject) {"h1", world->addresses, 2, NOW_US, NOW_US + USEC_PER_SEC};
        assert_int_equal(pki_make_authority("a cluster", NOW_US, &world->ca, &world->ca_key), 0);
        assert_int_equal(pki_make_key(&world->key), 0);
        assert_int_equal(pki_make_request(world->key, &world->request), 0);
        assert_int_equal(pki_sign(&(PkiAuthority) {world->ca, world->ca_key}, world->request,
                                  &world->subject, &world->certificate, world->serial),
                         0);
}

static void world_deinit(World *world)
{
        free(world->ca);
        free(world->ca_key);
        free(world->key);
        free(world->request);
        free(world->certificate);
}

static bool names_nobody(const char *request)
{
        BIO *bio = BIO_new_mem_buf(request, -1);
        X509_REQ *parsed = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
        bool nobody;

        assert_non_null(parsed);
        nobody = X509_NAME_entry_count(X509_REQ_get_subject_name(parsed)) == 0;
        X509_REQ_free(parsed);
        BIO_free(bio);
        return nobody;
}

static void a_host_gets_a_certificate_for_its_own_key(void **state)
{
        World world;
        PkiFacts facts;

        world_init(&world);
        assert_int_equal(pki_verify(world.ca, world.certificate, world.key), 0);
        assert_int_equal(pki_examine(world.certificate, &facts), 0);
        assert_string_equal(facts.name, "h1");
        assert_string_equal(facts.serial, world.serial);
        assert_int_equal(facts.n_addresses, 2);
        assert_int_equal(ip_compare(&facts.addresses[0], &world.addresses[0]), 0);
        assert_int_equal(ip_compare(&facts.addresses[1], &world.addresses[1]), 0);
        assert_int_equal(facts.not_before_us, NOW_US);
        assert_int_equal(facts.not_after_us, NOW_US + USEC_PER_SEC);
        assert_true(names_nobody(world.request)); /* the name is not the host's to choose */
        world_deinit(&world);
}

static void another_key_or_authority_does_not_fit(void **state)
{
        World world, other;

        world_init(&world);
        world_init(&other);
        assert_int_equal(pki_verify(world.ca, world.certificate, other.key), PKI_BAD);
        assert_int_equal(pki_verify(other.ca, world.certificate, world.key), PKI_BAD);
        assert_int_equal(pki_verify(world.ca, world.ca, NULL), 0); /* it signs itself */
        assert_int_equal(pki_sign(&(PkiAuthority) {world.ca, other.ca_key}, world.request,
                                  &world.subject, &world.certificate, world.serial),
                         PKI_BAD);
        world_deinit(&world);
        world_deinit(&other);
}

static void what_is_no_request_is_not_signed(void **state)
{
        World world;
        char *certificate = NULL, *broken;

        world_init(&world);
        broken = strdup(world.request);
        for (char *at = broken + strlen(broken) / 2; *at; at++)
                if (*at == 'A' || *at == 'B')
                        *at = *at == 'A' ? 'B' : 'A';
        for (size_t i = 0; i < 4; i++) {
                const char *texts[] = {"", "hello", world.certificate, broken};

                assert_int_equal(pki_sign(&(PkiAuthority) {world.ca, world.ca_key}, texts[i],
                                          &world.subject, &certificate, world.serial),
                                 PKI_BAD);
        }
        free(broken);
        world_deinit(&world);
}

static void a_list_names_what_is_revoked(void **state)
{
        World world;
        const char *serials[] = {"40000000000000000000000000000001", world.serial};
        char *list = NULL, path[] = "/tmp/troupe-pki-XXXXXX";
        _cleanup_free_ char *command = NULL;
        int fd = mkstemp(path);

        world_init(&world);
        assert_int_equal(
                pki_revoke(&(PkiAuthority) {world.ca, world.ca_key}, serials, 2, NOW_US, &list), 0);
        assert_int_equal(write(fd, list, strlen(list)), strlen(list));
        command = str_printf("openssl crl -in %s -noout -text | grep -qi %s", path, world.serial);
        assert_int_equal(system(command), 0);
        close(fd);
        unlink(path);
        free(list);
        assert_int_equal(
                pki_revoke(&(PkiAuthority) {world.ca, world.ca_key}, NULL, 0, NOW_US, &list), 0);
        free(list);
        serials[0] = "not a number";
        assert_int_equal(
                pki_revoke(&(PkiAuthority) {world.ca, world.ca_key}, serials, 1, NOW_US, &list),
                PKI_BAD);
        world_deinit(&world);
}

static void garbage_is_no_certificate(void **state)
{
        PkiFacts facts;
        char *request;

        assert_int_equal(pki_examine("", &facts), PKI_BAD);
        assert_int_equal(
                pki_examine("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                            &facts),
                PKI_BAD);
        assert_int_equal(pki_make_request("no key", &request), PKI_BAD);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_host_gets_a_certificate_for_its_own_key),
                cmocka_unit_test(another_key_or_authority_does_not_fit),
                cmocka_unit_test(what_is_no_request_is_not_signed),
                cmocka_unit_test(a_list_names_what_is_revoked),
                cmocka_unit_test(garbage_is_no_certificate),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
