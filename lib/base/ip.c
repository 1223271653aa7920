/* SPDX-License-Identifier: GPL-3.0-or-later */

/* IP addresses: text in and out is libc's, the arithmetic works on the bytes from the end. */

#include "lib/base/ip.h"

#include <arpa/inet.h>
#include <string.h>

#include "lib/base/str.h"

int ip_parse(const char *text, IpAddress *ret_address)
{
        IpAddress address = {};

        if (inet_pton(AF_INET, text, address.bytes) == 1)
                address.family = 4;
        else if (inet_pton(AF_INET6, text, address.bytes) == 1)
                address.family = 6;
        else
                return -EINVAL;
        *ret_address = address;
        return 0;
}

int ip_parse_range(const char *text, IpAddress *ret_address, unsigned *ret_prefix)
{
        const char *slash = strchr(text, '/');
        char address_text[IP_TEXT_MAX];
        IpAddress address;
        uint64_t prefix;
        int r;

        if (!slash) {
                r = ip_parse(text, &address);
                prefix = r < 0 ? 0 : ip_bits(&address);
        } else {
                if ((size_t) (slash - text) >= sizeof(address_text))
                        return -EINVAL;
                memcpy(address_text, text, (size_t) (slash - text));
                address_text[slash - text] = '\0';
                r = ip_parse(address_text, &address);
                if (r == 0 && str_to_u64(slash + 1, ip_bits(&address), &prefix) < 0)
                        return -EINVAL;
        }
        if (r < 0)
                return r;
        *ret_address = address;
        *ret_prefix = (unsigned) prefix;
        return 0;
}

const char *ip_format(const IpAddress *address, char text[static IP_TEXT_MAX])
{
        text[0] = '\0';
        if (address->family != 0)
                inet_ntop(address->family == 4 ? AF_INET : AF_INET6, address->bytes, text,
                          IP_TEXT_MAX);
        return text;
}

int ip_compare(const IpAddress *a, const IpAddress *b)
{
        if (a->family != b->family)
                return a->family < b->family ? -1 : 1;
        return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

int ip_add(const IpAddress *address, uint64_t count, IpAddress *ret_address)
{
        IpAddress sum = *address;
        uint64_t carry = count;

        for (unsigned i = ip_bits(address) / 8; i-- > 0;) {
                uint64_t byte = sum.bytes[i] + (carry & 0xff);

                sum.bytes[i] = (uint8_t) byte;
                carry = (carry >> 8) + (byte >> 8);
        }
        if (carry != 0)
                return -ERANGE;
        *ret_address = sum;
        return 0;
}

IpAddress ip_network(const IpAddress *address, unsigned prefix)
{
        IpAddress network = *address;

        for (unsigned bit = prefix; bit < 128; bit++)
                network.bytes[bit / 8] &= (uint8_t) ~(0x80 >> (bit % 8));
        return network;
}

bool ip_in_network(const IpAddress *address, const IpAddress *network, unsigned prefix)
{
        IpAddress a = ip_network(address, prefix), b = ip_network(network, prefix);

        return ip_compare(&a, &b) == 0;
}
