/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The packer: first every payload as an image in a temporary file, then the manifest, then all of
 * it into the package, one member after the other.
 */

#include "model/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/array.h"
#include "lib/base/file.h"
#include "lib/base/str.h"
#include "model/manifest.h"
#include "model/payload.h"
#include "model/signature.h"
#include "model/value.h"
#include "model/zip.h"

#define CHUNK_BYTES       (128U * 1024U)
#define SITES_ROOT_PREFIX "sitesroot/"
#define IMAGES_PART       0.6 /* of the work: the payloads; the rest is writing the package */

typedef struct Packing {
        const PackOptions *options;
        char *message;
        int images[MODEL_ROLES_MAX];
        size_t n_images;
        uint32_t crcs[MODEL_ROLES_MAX];
        Manifest manifest;
        ZipDirectory directory;
        uint64_t offset;
} Packing;

static int _printf_(2, 3) refuse(Packing *packing, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(packing->message, PACK_MESSAGE_MAX, format, args);
        va_end(args);
        return PACK_REFUSED;
}

static void packing_deinit(Packing *packing)
{
        for (size_t i = 0; i < packing->n_images; i++)
                fd_close(packing->images[i]);
        manifest_deinit(&packing->manifest);
}

/* ---- payloads */

/* Whether the role has anything that must come from its own directory. */
static bool directory_needed(const Role *role)
{
        if (role->entry_point || role->n_tasks > 0)
                return true;
        for (size_t i = 0; i < role->n_sites; i++)
                for (size_t j = 0; j < role->sites[i].n_directories; j++)
                        if (!str_after(role->sites[i].directories[j].payload_path,
                                       SITES_ROOT_PREFIX))
                                return true;
        return false;
}

static int source_add(Packing *packing, Payload *payload, const char *source, const char *name)
{
        _cleanup_free_ char *path = str_printf("%s/%s", packing->options->directory, source);

        return path ? payload_add(payload, path, name, packing->message) : -ENOMEM;
}

static int role_directory_add(Packing *packing, Payload *payload, const Role *role)
{
        _cleanup_free_ char *path = str_printf("%s/%s", packing->options->directory, role->name);

        if (!path)
                return -ENOMEM;
        if (access(path, F_OK) < 0 && !directory_needed(role))
                return 0;
        if (access(path, F_OK) < 0)
                return refuse(
                        packing,
                        "%s: there is no such directory: put what role %s runs or serves there",
                        path, role->name);
        return payload_add(payload, path, ".", packing->message);
}

static int sites_add(Packing *packing, Payload *payload, const Role *role)
{
        int r = 0;

        for (size_t i = 0; i < role->n_sites; i++) {
                for (size_t j = 0; r == 0 && j < role->sites[i].n_directories; j++) {
                        const SiteDirectory *directory = &role->sites[i].directories[j];

                        if (str_after(directory->payload_path, SITES_ROOT_PREFIX))
                                r = source_add(packing, payload, directory->source,
                                               directory->payload_path);
                }
        }
        for (size_t i = 0; r == 0 && i < role->n_contents; i++)
                r = source_add(packing, payload, role->contents[i].source,
                               role->contents[i].destination);
        return r;
}

/* A program that is named by a relative path with a '/' must be in the payload; others are the
 * guest's. */
static int program_check(Packing *packing, const Payload *payload, const Role *role,
                         const char *command)
{
        _cleanup_free_ char *path = NULL;
        char program[512];
        const PayloadFile *file;
        int r;

        value_program(command, program, sizeof(program));
        if (!strchr(program, '/') || program[strcspn(program, "$`*?[(){}\\")] != 0)
                return 0;
        r = value_path(program, &path);
        if (r < 0)
                return r == -EINVAL ? 0 : r; /* absolute: of the guest */
        file = payload_find(payload, path);
        if (!file)
                return refuse(packing, "%s/%s: the definition runs %s, which is not there",
                              packing->options->directory, role->name, program);
        if (S_ISREG(file->mode) && !(file->mode & 0100))
                return refuse(packing,
                              "%s: the definition runs it, but it is not executable: chmod +x it",
                              file->source);
        return S_ISDIR(file->mode)
                       ? refuse(packing, "%s: the definition runs it, but it is a directory",
                                file->source)
                       : 0;
}

static int directories_check(Packing *packing, const Payload *payload, const Role *role)
{
        for (size_t i = 0; i < role->n_sites; i++) {
                for (size_t j = 0; j < role->sites[i].n_directories; j++) {
                        const SiteDirectory *directory = &role->sites[i].directories[j];
                        const PayloadFile *file = payload_find(payload, directory->payload_path);

                        if (!str_equal(directory->payload_path, ".") &&
                            (!file || !S_ISDIR(file->mode)))
                                return refuse(packing,
                                              "%s/%s: site %s serves it, but it is not a directory",
                                              packing->options->directory, directory->source,
                                              role->sites[i].name);
                }
        }
        return 0;
}

static int payload_collect(Packing *packing, Payload *payload, const Role *role)
{
        int r;

        r = role_directory_add(packing, payload, role);
        if (r == 0)
                r = sites_add(packing, payload, role);
        if (r == 0)
                r = payload_finish(payload, packing->message);
        if (r == 0)
                r = directories_check(packing, payload, role);
        if (r == 0 && role->entry_point)
                r = program_check(packing, payload, role, role->entry_point);
        for (size_t i = 0; r == 0 && i < role->n_tasks; i++)
                r = program_check(packing, payload, role, role->tasks[i].command_line);
        return r;
}

/* ---- the manifest */

typedef int ChunkFunction(void *data, const void *chunk, size_t length);

static int file_each(int fd, ChunkFunction *function, void *data)
{
        _cleanup_free_ char *chunk = malloc(CHUNK_BYTES);
        int r = 0;

        if (!chunk)
                return -ENOMEM;
        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        while (r == 0) {
                ssize_t n = read(fd, chunk, CHUNK_BYTES);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : 0;
                r = function(data, chunk, (size_t) n);
        }
        return r;
}

typedef struct Digest {
        EVP_MD_CTX *context;
        uint32_t crc;
        uint64_t size;
} Digest;

static int digest_chunk(void *data, const void *chunk, size_t length)
{
        Digest *digest = data;

        digest->crc = zip_crc(digest->crc, chunk, length);
        digest->size += length;
        return EVP_DigestUpdate(digest->context, chunk, length) == 1 ? 0 : -ENOMEM;
}

static int digest_file(int fd, PackageMember *member, uint32_t *ret_crc)
{
        Digest digest = {.context = EVP_MD_CTX_new()};
        uint8_t bytes[32];
        int r;

        r = digest.context && EVP_DigestInit_ex(digest.context, EVP_sha256(), NULL) == 1 ? 0
                                                                                         : -ENOMEM;
        if (r == 0)
                r = file_each(fd, digest_chunk, &digest);
        if (r == 0 && EVP_DigestFinal_ex(digest.context, bytes, NULL) != 1)
                r = -ENOMEM;
        EVP_MD_CTX_free(digest.context);
        if (r < 0)
                return r;
        str_hex(bytes, sizeof(bytes), member->sha256);
        member->size = digest.size;
        *ret_crc = digest.crc;
        return 0;
}

static int member_add(Packing *packing, char *name, const char *role, const PackageMember *digest)
{
        PackageMember member = *digest;
        int r = name ? 0 : -ENOMEM;

        member.name = name;
        member.role = role ? strdup(role) : NULL;
        if (role && !member.role)
                r = -ENOMEM;
        if (r == 0)
                r = ARRAY_APPEND(packing->manifest.members, packing->manifest.n_members, member);
        if (r < 0) {
                free(member.name);
                free(member.role);
        }
        return r;
}

static int definition_add(Packing *packing)
{
        const ModelText *text = &packing->options->text;
        PackageMember member = {.size = text->length};
        uint8_t bytes[32];

        if (EVP_Digest(text->text, text->length, bytes, NULL, EVP_sha256(), NULL) != 1)
                return -ENOMEM;
        str_hex(bytes, sizeof(bytes), member.sha256);
        return member_add(packing, strdup(PACKAGE_DEFINITION), NULL, &member);
}

/* @fraction of what is done with one role before all is written. */
static void on_image(void *userdata, double fraction)
{
        const Packing *packing = userdata;
        const PackProgress *progress = packing->options->progress;
        double n_roles = (double) packing->options->model->n_roles;

        progress->tell(progress->userdata,
                       IMAGES_PART * ((double) packing->n_images + fraction) / n_roles);
}

static int role_add(Packing *packing, const Role *role)
{
        PackProgress progress = {on_image, packing};
        PackageMember member = {};
        Payload payload = {};
        int fd = -1, r;

        r = payload_collect(packing, &payload, role);
        if (r == 0)
                r = payload_image(&payload, packing->options->progress ? &progress : NULL, &fd,
                                  packing->message);
        payload_deinit(&payload);
        if (r != 0)
                return r;
        packing->images[packing->n_images] = fd;
        r = digest_file(fd, &member, &packing->crcs[packing->n_images++]);
        if (r == 0 && member.size > UINT32_MAX / 2)
                return refuse(packing, "role %s: its payload is larger than 2 GiB", role->name);
        return r < 0 ? r
                     : member_add(packing, str_printf("roles/%s.erofs", role->name), role->name,
                                  &member);
}

/* ---- writing */

static void tell_written(const Packing *packing)
{
        const PackProgress *progress = packing->options->progress;
        uint64_t total = 1;

        for (size_t i = 0; i < packing->manifest.n_members; i++)
                total += packing->manifest.members[i].size;
        if (progress)
                progress->tell(progress->userdata,
                               IMAGES_PART + (1 - IMAGES_PART) *
                                                     (double) MIN(packing->offset, total) /
                                                     (double) total);
}

static int out_chunk(void *data, const void *chunk, size_t length)
{
        Packing *packing = data;

        packing->offset += length;
        if (packing->offset > PACKAGE_BYTES_MAX - ZIP_DIRECTORY_BYTES_MAX)
                return refuse(packing, "the package would be larger than %llu bytes",
                              PACKAGE_BYTES_MAX);
        tell_written(packing);
        return file_write_all(packing->options->out_fd, chunk, length);
}

static int header_write(Packing *packing, const char *name, uint64_t size, uint32_t crc)
{
        ZipMember *member = &packing->directory.members[packing->directory.n_members++];
        uint8_t header[ZIP_LOCAL_BYTES + ZIP_NAME_MAX];
        size_t length;

        *member = (ZipMember) {
                .size = (uint32_t) size, .crc = crc, .offset = (uint32_t) packing->offset};
        snprintf(member->name, sizeof(member->name), "%s", name);
        length = zip_local(member, header);
        return out_chunk(packing, header, length);
}

static int text_write(Packing *packing, const char *name, const void *text, size_t length)
{
        int r = header_write(packing, name, length, zip_crc(0, text, length));

        return r != 0 ? r : out_chunk(packing, text, length);
}

static int manifest_out(Packing *packing)
{
        const PackOptions *options = packing->options;
        _cleanup_free_ char *text = NULL;
        _cleanup_free_ void *signature = NULL;
        char reason[SIGNATURE_REASON_MAX];
        size_t length;
        int r;

        r = manifest_write(&packing->manifest, &text);
        if (r == 0)
                r = text_write(packing, PACKAGE_MANIFEST, text, strlen(text));
        if (r != 0 || !options->sign_key)
                return r;
        r = signature_make(text, strlen(text), options->sign_key, options->sign_cert, &signature,
                           &length, reason);
        if (r == SIGNATURE_BAD)
                return refuse(packing, "cannot sign: %s", reason);
        return r < 0 ? r : text_write(packing, PACKAGE_SIGNATURE, signature, length);
}

static int package_write(Packing *packing)
{
        _cleanup_free_ uint8_t *tail = NULL;
        const ModelText *text = &packing->options->text;
        size_t length;
        int r;

        r = manifest_out(packing);
        if (r == 0)
                r = text_write(packing, PACKAGE_DEFINITION, text->text, text->length);
        for (size_t i = 0; r == 0 && i < packing->n_images; i++) {
                const PackageMember *member = &packing->manifest.members[1 + i];

                r = header_write(packing, member->name, member->size, packing->crcs[i]);
                if (r == 0)
                        r = file_each(packing->images[i], out_chunk, packing);
        }
        if (r == 0)
                r = zip_tail(&packing->directory, &tail, &length);
        return r != 0 ? r : file_write_all(packing->options->out_fd, tail, length);
}

int pack_directory(const PackOptions *options, char ret_message[static PACK_MESSAGE_MAX])
{
        Packing packing = {.options = options, .message = ret_message};
        int r;

        r = str_set(&packing.manifest.service, options->model->name);
        if (r == 0)
                r = definition_add(&packing);
        for (size_t i = 0; r == 0 && i < options->model->n_roles; i++)
                r = role_add(&packing, &options->model->roles[i]);
        if (r == 0)
                r = package_write(&packing);
        packing_deinit(&packing);
        return r;
}
