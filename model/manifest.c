/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The manifest of a package, with sd-json. Unknown fields are refused: a reader that skips what it
 * does not know would accept packages that mean something else. */

#include "model/manifest.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-json.h>

#include "lib/base/array.h"
#include "lib/base/str.h"

static int _printf_(2, 3) refuse(PackageError *error, const char *format, ...)
{
        va_list args;
        int n;

        error->fault = PACKAGE_BAD_MANIFEST;
        n = snprintf(error->message, sizeof(error->message), "manifest.json: ");
        va_start(args, format);
        vsnprintf(error->message + n, sizeof(error->message) - (size_t) n, format, args);
        va_end(args);
        return PACKAGE_REFUSED;
}

static void member_deinit(PackageMember *member)
{
        free(member->name);
        free(member->role);
}

void manifest_deinit(Manifest *manifest)
{
        if (!manifest)
                return;
        free(manifest->service);
        for (size_t i = 0; i < manifest->n_members; i++)
                member_deinit(&manifest->members[i]);
        free(manifest->members);
        *manifest = (Manifest) {};
}

static int member_write(const PackageMember *member, sd_json_variant **members)
{
        sd_json_variant *object = NULL;
        int r;

        r = sd_json_buildo(&object, SD_JSON_BUILD_PAIR_STRING("name", member->name),
                           SD_JSON_BUILD_PAIR_CONDITION(member->role != NULL, "role",
                                                        SD_JSON_BUILD_STRING(member->role)),
                           SD_JSON_BUILD_PAIR_UNSIGNED("size", member->size),
                           SD_JSON_BUILD_PAIR_STRING("sha256", member->sha256));
        if (r >= 0)
                r = sd_json_variant_append_array(members, object);
        sd_json_variant_unref(object);
        return r < 0 ? -ENOMEM : 0;
}

int manifest_write(const Manifest *manifest, char **ret)
{
        sd_json_variant *members = NULL, *object = NULL;
        char *text = NULL;
        int r = 0;

        for (size_t i = 0; r == 0 && i < manifest->n_members; i++)
                r = member_write(&manifest->members[i], &members);
        if (r == 0)
                r = sd_json_buildo(&object, SD_JSON_BUILD_PAIR_UNSIGNED("format", PACKAGE_FORMAT),
                                   SD_JSON_BUILD_PAIR_STRING("service", manifest->service),
                                   SD_JSON_BUILD_PAIR_VARIANT("members", members));
        if (r >= 0)
                r = sd_json_variant_format(object, SD_JSON_FORMAT_NEWLINE, &text);
        sd_json_variant_unref(members);
        sd_json_variant_unref(object);
        if (r < 0)
                return -ENOMEM;
        *ret = text;
        return 0;
}

/* ---- reading */

static const char *text_of(sd_json_variant *object, const char *key)
{
        sd_json_variant *value = sd_json_variant_by_key(object, key);

        return value && sd_json_variant_is_string(value) ? sd_json_variant_string(value) : NULL;
}

static bool only_has(sd_json_variant *object, const char *const *keys)
{
        for (size_t i = 0; i < sd_json_variant_elements(object); i += 2) {
                const char *key = sd_json_variant_string(sd_json_variant_by_index(object, i));
                bool known = false;

                for (const char *const *at = keys; *at; at++)
                        known = known || str_equal(key, *at);
                if (!known)
                        return false;
        }
        return true;
}

/* The name of a member follows from its role, and the first is the definition. */
static int names_check(const PackageMember *member, const Manifest *manifest, PackageError *error)
{
        _cleanup_free_ char *expected = NULL;

        if (manifest->n_members == 0) {
                if (!str_equal(member->name, PACKAGE_DEFINITION) || member->role)
                        return refuse(error, "the first member must be %s", PACKAGE_DEFINITION);
                return 0;
        }
        if (!member->role || !str_is_name(member->role, MODEL_NAME_MAX))
                return refuse(error, "member %zu has no proper role", manifest->n_members + 1);
        expected = str_printf("roles/%s.erofs", member->role);
        if (!expected)
                return -ENOMEM;
        if (!str_equal(expected, member->name))
                return refuse(error, "the payload of role %s must be %s", member->role, expected);
        for (size_t i = 1; i < manifest->n_members; i++)
                if (str_equal(manifest->members[i].role, member->role))
                        return refuse(error, "role %s is there twice", member->role);
        return 0;
}

static int member_read(sd_json_variant *object, Manifest *manifest, PackageError *error)
{
        static const char *const keys[] = {"name", "role", "size", "sha256", NULL};
        sd_json_variant *size = sd_json_variant_by_key(object, "size");
        const char *name = text_of(object, "name"), *role = text_of(object, "role"),
                   *sha256 = text_of(object, "sha256");
        PackageMember member = {};
        uint8_t digest[32];
        int r;

        if (!sd_json_variant_is_object(object) || !only_has(object, keys) || !name || !sha256 ||
            !size || !sd_json_variant_is_unsigned(size) ||
            (sd_json_variant_by_key(object, "role") && !role))
                return refuse(error,
                              "member %zu must have name, size, sha256 and, if it is a payload, "
                              "role, and nothing else",
                              manifest->n_members + 1);
        if (strlen(sha256) != 64 || str_unhex(sha256, digest, sizeof(digest)) < 0)
                return refuse(error, "the sha256 of member %zu is not 64 hexadecimal digits",
                              manifest->n_members + 1);
        member.size = sd_json_variant_unsigned(size);
        str_hex(digest, sizeof(digest), member.sha256);
        r = str_set(&member.name, name);
        if (r == 0)
                r = str_set(&member.role, role);
        if (r == 0)
                r = names_check(&member, manifest, error);
        if (r == 0)
                r = ARRAY_APPEND(manifest->members, manifest->n_members, member);
        if (r != 0)
                member_deinit(&member);
        return r;
}

static int object_read(sd_json_variant *object, Manifest *manifest, PackageError *error)
{
        static const char *const keys[] = {"format", "service", "members", NULL};
        sd_json_variant *format = sd_json_variant_by_key(object, "format"),
                        *members = sd_json_variant_by_key(object, "members");
        const char *service = text_of(object, "service");
        int r;

        if (!sd_json_variant_is_object(object) || !format || !sd_json_variant_is_unsigned(format))
                return refuse(error, "must be an object with a format");
        if (sd_json_variant_unsigned(format) != PACKAGE_FORMAT)
                return refuse(error, "has format %llu, this Troupe reads format %d",
                              (unsigned long long) sd_json_variant_unsigned(format),
                              PACKAGE_FORMAT);
        if (!only_has(object, keys) || !service || !members || !sd_json_variant_is_array(members))
                return refuse(error, "must have format, service and members, and nothing else");
        if (sd_json_variant_elements(members) < 2 ||
            sd_json_variant_elements(members) > PACKAGE_MEMBERS_MAX)
                return refuse(error, "must have 2 to %u members", PACKAGE_MEMBERS_MAX);
        r = str_set(&manifest->service, service);
        for (size_t i = 0; r == 0 && i < sd_json_variant_elements(members); i++)
                r = member_read(sd_json_variant_by_index(members, i), manifest, error);
        return r;
}

int manifest_read(const char *text, Manifest *ret, PackageError *ret_error)
{
        sd_json_variant *object = NULL;
        Manifest manifest = {};
        unsigned line = 0, column = 0;
        int r;

        r = sd_json_parse(text, 0, &object, &line, &column);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return refuse(ret_error, "is not JSON at line %u, column %u", line, column);
        r = object_read(object, &manifest, ret_error);
        sd_json_variant_unref(object);
        if (r != 0) {
                manifest_deinit(&manifest);
                return r;
        }
        *ret = manifest;
        return 0;
}
