/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a host fetches, tells and gives out, by records in a real etcd and from a real HTTPS server
 * that stands for another host. */

#include "hostd/content.h"

#include <openssl/sha.h>

#include "hostd/blob-part.h"
#include "hostd/fetch.h"
#include "hostd/os-assemble.h"
#include "hostd/os-import.h"
#include "lib/base/file.h"
#include "lib/io/https-server.h"
#include "tests/unit/hostd/bus-world.h"
#include "tests/unit/lib/io/test-pki.h"

#define PACKAGE_BYTES (2 * MIB + 5)

typedef struct Fixture {
        BusWorld *world;
        TestPki pki;
        HttpsServer *other; /* h2, which holds what is in PKI/held */
        Content *content;
        char package[BLOB_DIGEST_LENGTH + 1];
        unsigned n_asked, n_arrived, n_os_arrived;
        int told; /* -1: does not hold; 1: holds; 0: nothing was told */
        bool no_tls;
        OsRecord os;
} Fixture;

static Fixture *f;

static void on_blob(void *userdata, HttpsRequest *request)
{
        char name[128];
        struct stat st;
        int fd;

        f->n_asked++;
        snprintf(name, sizeof(name), "held/%.64s", request->rest);
        fd = open(test_pki_path(&f->pki, name), O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
                https_answer_text(request, 404, "no");
                return;
        }
        assert_int_equal(fstat(fd, &st), 0);
        https_answer_file(request, fd, (uint64_t) st.st_size);
}

static bool tls(void *userdata, HttpTls *ret_tls)
{
        *ret_tls = (HttpTls) {.ca_path = test_pki_path(&f->pki, "ca.crt"),
                              .certificate_path = test_pki_path(&f->pki, "h1.crt"),
                              .key_path = test_pki_path(&f->pki, "h1.key")};
        return !f->no_tls;
}

static void on_tell(void *userdata, const Record *record, bool holds)
{
        f->told = holds ? 1 : -1;
}

static void on_arrived(void *userdata)
{
        f->n_arrived++;
}

static void on_os_arrived(void *userdata)
{
        f->n_os_arrived++;
}

/* The other host gets some bytes; their digest is written to @digest. */
static void hold(const void *bytes, size_t length, char digest[static BLOB_DIGEST_LENGTH + 1])
{
        uint8_t sum[SHA256_DIGEST_LENGTH];
        char name[128];
        FILE *file;

        SHA256(bytes, length, sum);
        str_hex(sum, sizeof(sum), digest);
        snprintf(name, sizeof(name), "held/%.64s", digest);
        file = fopen(test_pki_path(&f->pki, name), "w");
        assert_int_equal(fwrite(bytes, 1, length, file), length);
        fclose(file);
}

static void start_other(void)
{
        char message[HTTPS_MESSAGE_MAX];
        HttpsServerConfig config = {
                .files = {.ca = test_pki_path(&f->pki, "ca.crt"),
                          .certificate = test_pki_path(&f->pki, "h2.crt"),
                          .key = test_pki_path(&f->pki, "h2.key")},
        };

        assert_int_equal(ip_parse("127.0.0.1", &config.address), 0);
        assert_int_equal(https_server_new(f->world->event, &config, message, &f->other), 0);
        assert_int_equal(https_server_route(f->other, &(HttpsRoute) {.method = "GET",
                                                                     .path = FETCH_PATH,
                                                                     .needs_peer = true,
                                                                     .handler = on_blob}),
                         0);
}

static int set_up(void **state)
{
        uint8_t *bytes = malloc(PACKAGE_BYTES);
        ContentConfig config;

        f = calloc(1, sizeof(*f));
        assert_int_equal(bus_world_set_up((void **) &f->world), 0);
        test_pki_init(&f->pki);
        test_pki_host(&f->pki, "h1");
        test_pki_host(&f->pki, "h2");
        assert_int_equal(mkdir(test_pki_path(&f->pki, "held"), 0755), 0);
        for (size_t i = 0; i < PACKAGE_BYTES; i++)
                bytes[i] = (uint8_t) (i * 13);
        hold(bytes, PACKAGE_BYTES, f->package);
        free(bytes);
        start_other();
        config = (ContentConfig) {
                .event = f->world->event,
                .host = "h1",
                .os_dir = "/nonexistent",
                .state_dir = f->world->dir,
                .store = f->world->store,
                .blobs = host_half_blobs(f->world->half),
                .port = https_server_port(f->other),
                .tls = tls,
                .tell = on_tell,
                .arrived = on_arrived,
                .os_arrived = on_os_arrived,
        };
        assert_int_equal(content_new(&config, &f->content), 0);
        bus_world_write_host(f->world, "h1", "fd1", "127.0.0.9", true);
        bus_world_write_host(f->world, "h2", "fd2", "127.0.0.1", true);
        return 0;
}

static int tear_down(void **state)
{
        content_free(f->content);
        https_server_free(f->other);
        bus_world_tear_down((void **) &f->world);
        test_pki_deinit(&f->pki);
        free(f);
        return 0;
}

static void write_package(bool mine)
{
        Record record;

        record_init(&record, RECORD_PACKAGE);
        memcpy(record.package.digest, f->package, sizeof(f->package));
        strcpy(record.package.name, "shop");
        record.package.size_bytes = PACKAGE_BYTES;
        strcpy(record.package.holders[0], "h2");
        record.package.n_holders = 1;
        if (mine)
                strcpy(record.package.holders[record.package.n_holders++], "h1");
        bus_world_write(f->world, &record);
}

static void write_deployment(void)
{
        Record record;

        record_init(&record, RECORD_DEPLOYMENT);
        strcpy(record.deployment.id, BUS_DEPLOYMENT);
        strcpy(record.deployment.service, "shop");
        memcpy(record.deployment.package, f->package, sizeof(f->package));
        record.deployment.definition = strdup("<a/>");
        record.deployment.configuration = strdup("<b/>");
        ip_parse("10.64.1.0", &record.deployment.network);
        record.deployment.network_prefix = 24;
        bus_world_write(f->world, &record);
        record_deinit(&record);
}

static InstanceRecord write_instance(const char *host)
{
        Record record;

        record_init(&record, RECORD_INSTANCE);
        strcpy(record.instance.id.deployment, BUS_DEPLOYMENT);
        strcpy(record.instance.id.role, "web");
        record.instance.incarnation = 1;
        record.instance.vcpus = 1;
        strcpy(record.instance.host, host);
        memcpy(record.instance.package, f->package, sizeof(f->package));
        strcpy(record.instance.os_family, "debian-13");
        strcpy(record.instance.os_version, "7");
        bus_world_write(f->world, &record);
        return record.instance;
}

static void write_os(void)
{
        static const char *const names[] = {"vmlinuz", "initrd", "cmdline", "root.raw"};
        Record record;
        OsRecord *os = &record.os;

        record_init(&record, RECORD_OS);
        strcpy(os->family, "debian-13");
        strcpy(os->version, "7");
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                char text[64];

                snprintf(text, sizeof(text), "this is %s", names[i]);
                strcpy(os->files[i].name, names[i]);
                hold(text, strlen(text), os->files[i].digest);
                os->files[i].size_bytes = strlen(text);
        }
        os->n_files = ARRAY_SIZE(names);
        memcpy(os->digest, os->files[3].digest, sizeof(os->digest));
        strcpy(os->holders[0], "h2");
        os->n_holders = 1;
        f->os = *os;
        bus_world_write(f->world, &record);
}

static bool has_package(void)
{
        return blob_exists(host_half_blobs(f->world->half), f->package);
}

static void test_for_an_instance(void **state)
{
        char detail[CONTENT_DETAIL_MAX];
        InstanceRecord instance;

        write_package(false);
        write_os();
        write_deployment();
        instance = write_instance("h1");
        assert_false(content_ready(f->content, &instance, detail));
        assert_string_equal(detail, "waits for its package");
        content_look(f->content);
        RUN_UNTIL(f->world->event, content_ready(f->content, &instance, detail));
        assert_true(has_package());
        assert_int_equal(f->n_os_arrived, 1);
        assert_true(f->n_arrived >= 2);
        RUN_UNTIL(f->world->event, f->told == 1);
        /* it is told again until it is known, and then not */
        write_package(true);
        strcpy(f->os.holders[1], "h1");
        f->os.n_holders = 2;
        bus_world_write(f->world, &(Record) {.type = RECORD_OS, .os = f->os});
        run_loop_for(f->world->event, 500);
        f->told = 0;
        content_look(f->content);
        run_loop_for(f->world->event, 4000);
        assert_int_equal(f->told, 0);
}

static void test_a_guest_os_is_put_together(void **state)
{
        _cleanup_free_ char *path = str_printf("%s/os", f->world->dir), *data = NULL;
        _cleanup_free_ char *root = str_printf("%s/debian-13/7/root.raw", path);
        OsImport found;
        uint64_t size;
        int fd;

        write_os(); /* nobody uses it: it is the second copy */
        content_look(f->content);
        RUN_UNTIL(f->world->event, f->n_os_arrived == 1);
        assert_int_equal(os_import_scan(path, "h1", &found), 0);
        assert_string_equal(found.complaints, "");
        assert_int_equal(found.n_systems, 1);
        assert_string_equal(found.systems[0].digest, f->os.digest);
        os_import_deinit(&found);
        assert_int_equal(file_read(AT_FDCWD, root, 100, &data, NULL), 0);
        assert_string_equal(data, "this is root.raw");
        assert_false(blob_exists(host_half_blobs(f->world->half), f->os.digest));
        /* and from here on this host gives it to others */
        assert_int_equal(content_open(f->content, f->os.digest, &fd, &size), 0);
        assert_int_equal(size, strlen("this is root.raw"));
        close(fd);
        assert_int_equal(content_open(f->content, f->package, &fd, &size), -ENOENT);
        assert_int_equal(content_open(f->content, "../../etc/passwd", &fd, &size), -ENOENT);
        assert_int_equal(content_open(f->content, "", &fd, &size), -ENOENT);
}

/* The guest OS's record with other holders, until this host's copy of the state has it. */
static void write_holders(void)
{
        RecordKey key = {.type = RECORD_OS, .name = "debian-13", .version = "7"};

        bus_world_write(f->world, &(Record) {.type = RECORD_OS, .os = f->os});
        RUN_UNTIL(f->world->event,
                  store_get(f->world->store, &key)->os.n_holders == f->os.n_holders);
}

/* What is put there, as by an import, is known to the cluster at once: nobody is told that it is
 * missing before this host has looked. */
static void test_a_guest_os_is_put_there(void **state)
{
        _cleanup_free_ char *path = str_printf("%s/os", f->world->dir);
        BlobStore *blobs = host_half_blobs(f->world->half);
        char digest[BLOB_DIGEST_LENGTH + 1], name[128], message[BLOB_MESSAGE_MAX];
        const RecordKey key = {.type = RECORD_OS, .name = "debian-13", .version = "7"};
        uint64_t size;

        write_os();
        f->os.disabled = true; /* and so not fetched */
        bus_world_write(f->world, &(Record) {.type = RECORD_OS, .os = f->os});
        RUN_UNTIL(f->world->event, store_get(f->world->store, &key)->os.disabled);
        for (size_t i = 0; i < f->os.n_files; i++) {
                _cleanup_close_ int fd = -1;

                snprintf(name, sizeof(name), "held/%.64s", f->os.files[i].digest);
                fd = open(test_pki_path(&f->pki, name), O_RDONLY | O_CLOEXEC);
                assert_int_equal(blob_ingest(blobs, fd, f->os.files[i].size_bytes,
                                             f->os.files[i].digest, digest, &size, message),
                                 0);
        }
        content_look(f->content);
        run_loop_for(f->world->event, 500); /* it has looked */
        assert_int_equal(os_assemble(blobs, path, &f->os), 0);
        strcpy(f->os.holders[f->os.n_holders++], "h1");
        write_holders();
        content_rescan(f->content);
        run_loop_for(f->world->event, 1000);
        assert_int_equal(f->told, 0);
        f->os.n_holders = 1;
        write_holders();
        content_look(f->content);
        RUN_UNTIL(f->world->event, f->told == 1);
}

static void test_the_second_copy(void **state)
{
        uint64_t size;
        int fd;

        write_package(false);
        content_look(f->content);
        run_loop_for(f->world->event, 500);
        assert_int_equal(f->n_asked, 0); /* nobody uses it */
        write_deployment();
        write_instance("h2");
        content_look(f->content);
        RUN_UNTIL(f->world->event, has_package());
        assert_int_equal(content_open(f->content, f->package, &fd, &size), 0);
        assert_int_equal(size, PACKAGE_BYTES);
        close(fd);
}

/* There are two copies elsewhere; one of their hosts is lost, and does not come back. */
static void test_a_holder_is_lost(void **state)
{
        RecordKey alive = {.type = RECORD_ALIVE, .name = "h3"};
        Record record;

        record_init(&record, RECORD_CLUSTER);
        strcpy(record.cluster.id, "0123456789abcdef0123456789abcdef");
        record.cluster.lease_ms = 500;
        bus_world_write(f->world, &record);
        bus_world_write_host(f->world, "h3", "fd3", "127.0.0.8", true);
        record_init(&record, RECORD_PACKAGE);
        memcpy(record.package.digest, f->package, sizeof(f->package));
        strcpy(record.package.name, "shop");
        record.package.size_bytes = PACKAGE_BYTES;
        strcpy(record.package.holders[0], "h2");
        strcpy(record.package.holders[1], "h3");
        record.package.n_holders = 2;
        bus_world_write(f->world, &record);
        write_deployment();
        content_look(f->content);
        run_loop_for(f->world->event, 1000);
        assert_int_equal(f->n_asked, 0);
        assert_int_equal(outbox_delete(f->world->outbox, &alive), 0);
        RUN_UNTIL(f->world->event, !store_named(f->world->store, RECORD_ALIVE, "h3"));
        content_look(f->content);
        run_loop_for(f->world->event, 500);
        assert_int_equal(f->n_asked, 0); /* it may come back */
        RUN_UNTIL(f->world->event, has_package());
}

static void test_not_wanted_any_more(void **state)
{
        RecordKey deployment = {.type = RECORD_DEPLOYMENT, .name = BUS_DEPLOYMENT};
        char part[128], detail[CONTENT_DETAIL_MAX];
        InstanceRecord instance;
        InstanceId id;

        write_package(false);
        write_deployment();
        instance = write_instance("h1");
        id = instance.id;
        snprintf(part, sizeof(part), "held/%.64s", f->package);
        assert_int_equal(unlink(test_pki_path(&f->pki, part)), 0);
        content_look(f->content);
        RUN_UNTIL(f->world->event,
                  !content_ready(f->content, &instance, detail) && strstr(detail, "status 404"));
        snprintf(part, sizeof(part), "%s/blobs/" BLOB_PART_PREFIX "%s", f->world->dir, f->package);
        assert_int_equal(access(part, F_OK), 0);
        outbox_delete(f->world->outbox, &deployment);
        outbox_delete(f->world->outbox, &(RecordKey) {.type = RECORD_INSTANCE, .instance = id});
        RUN_UNTIL(f->world->event, !store_instance(f->world->store, &id));
        content_look(f->content);
        RUN_UNTIL(f->world->event, access(part, F_OK) < 0);
}

static void test_what_is_gone_is_told(void **state)
{
        f->no_tls = true; /* and nobody can be asked */
        write_package(true);
        write_deployment();
        content_look(f->content);
        RUN_UNTIL(f->world->event, f->told == -1);
        assert_int_equal(f->n_asked, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_for_an_instance, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_guest_os_is_put_together, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_guest_os_is_put_there, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_the_second_copy, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_holder_is_lost, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_not_wanted_any_more, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_what_is_gone_is_told, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
