#include "io/address.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

static struct address of_v4(struct in_addr host, uint16_t port)
{
	struct address a = { .len = sizeof(struct sockaddr_in) };
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr = host };
	memcpy(&a.at, &in, sizeof in);
	return a;
}

static struct address of_v6(struct in6_addr host, uint16_t port, uint32_t scope)
{
	struct address a = { .len = sizeof(struct sockaddr_in6) };
	struct sockaddr_in6 in = { .sin6_family = AF_INET6,
				   .sin6_port = htons(port),
				   .sin6_addr = host,
				   .sin6_scope_id = scope };
	memcpy(&a.at, &in, sizeof in);
	return a;
}

struct address address_of_octets(const uint8_t *octets, size_t n, uint16_t port)
{
	struct in_addr v4;
	struct in6_addr v6;
	must(n == sizeof v4 || n == sizeof v6);
	if (n == sizeof v4) {
		memcpy(&v4, octets, n);
		return of_v4(v4, port);
	}
	memcpy(&v6, octets, n);
	return of_v6(v6, port, 0);
}

struct address address_any4(uint16_t port)
{
	return of_v4((struct in_addr){ .s_addr = htonl(INADDR_ANY) }, port);
}

enum err address_of(const struct config_listener *l, struct address *out)
{
	struct in_addr v4;
	struct in6_addr v6;
	char host[sizeof l->host];
	memcpy(host, l->host, sizeof host);
	char *zone = strchr(host, '%');
	if (zone)
		*zone++ = '\0';
	if (!*host)
		*out = of_v6(in6addr_any, l->port, 0);
	else if (inet_pton(AF_INET, host, &v4) == 1)
		*out = of_v4(v4, l->port);
	else if (inet_pton(AF_INET6, host, &v6) == 1)
		*out = of_v6(v6, l->port, zone ? if_nametoindex(zone) : 0);
	else
		return ERR_MALFORMED;
	return ERR_OK;
}

/* unmapped: ::ffff:a.b.c.d is a.b.c.d. */
static struct address unmapped(const struct address *a)
{
	struct sockaddr_in6 in;
	if (a->at.ss_family != AF_INET6)
		return *a;
	memcpy(&in, &a->at, sizeof in);
	if (!IN6_IS_ADDR_V4MAPPED(&in.sin6_addr))
		return *a;
	struct in_addr v4;
	memcpy(&v4, &in.sin6_addr.s6_addr[12], sizeof v4);
	return of_v4(v4, ntohs(in.sin6_port));
}

uint16_t address_port(const struct address *a)
{
	struct address real = unmapped(a);
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	if (real.at.ss_family == AF_INET) {
		memcpy(&in, &real.at, sizeof in);
		return ntohs(in.sin_port);
	}
	if (real.at.ss_family != AF_INET6)
		return 0;
	memcpy(&in6, &real.at, sizeof in6);
	return ntohs(in6.sin6_port);
}

void address_put(struct text *out, const struct address *a)
{
	struct address real = unmapped(a);
	char host[INET6_ADDRSTRLEN] = "";
	if (real.at.ss_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, &real.at, sizeof in);
		inet_ntop(AF_INET, &in.sin_addr, host, sizeof host);
		text_putf(out, "%s:%u", host, ntohs(in.sin_port));
	} else if (real.at.ss_family == AF_INET6) {
		struct sockaddr_in6 in;
		memcpy(&in, &real.at, sizeof in);
		inet_ntop(AF_INET6, &in.sin6_addr, host, sizeof host);
		text_putf(out, "[%s]:%u", host, ntohs(in.sin6_port));
	} else {
		text_puts(out, "local");
	}
}

bool address_is_loopback(const struct address *a)
{
	struct address real = unmapped(a);
	if (real.at.ss_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, &real.at, sizeof in);
		return (ntohl(in.sin_addr.s_addr) >> 24) == 127;
	}
	if (real.at.ss_family == AF_INET6) {
		struct sockaddr_in6 in;
		memcpy(&in, &real.at, sizeof in);
		return IN6_IS_ADDR_LOOPBACK(&in.sin6_addr);
	}
	return real.at.ss_family == AF_UNIX;
}
