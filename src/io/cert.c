#include "io/cert.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>

static void put_string(struct text *out, const ASN1_STRING *s)
{
	uint8_t *utf8 = NULL;
	int n = ASN1_STRING_to_UTF8(&utf8, s);
	if (n > 0)
		text_put_slice(out, slice_of(utf8, (size_t)n));
	OPENSSL_free(utf8);
}

static void put_subject(struct text *out, const X509_NAME *name, int from)
{
	if (from == CONFIG_CERT_CN) {
		int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
		if (at >= 0)
			put_string(out, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
		return;
	}
	BIO *b = BIO_new(BIO_s_mem());
	char *p = NULL;
	if (b && X509_NAME_print_ex(b, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) > 0) {
		long n = BIO_get_mem_data(b, &p);
		text_put_slice(out, slice_of((const uint8_t *)p, (size_t)n));
	}
	BIO_free(b);
}

static void put_address(struct text *out, const ASN1_OCTET_STRING *s)
{
	char room[INET6_ADDRSTRLEN];
	int n = ASN1_STRING_length(s);
	if ((n == 4 || n == 16) &&
	    inet_ntop(n == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(s), room, sizeof room))
		text_puts(out, room);
}

static void put_alternative(struct text *out, const GENERAL_NAME *g)
{
	switch (g->type) {
	case GEN_DNS: put_string(out, g->d.dNSName); break;
	case GEN_EMAIL: put_string(out, g->d.rfc822Name); break;
	case GEN_URI: put_string(out, g->d.uniformResourceIdentifier); break;
	case GEN_IPADD: put_address(out, g->d.iPAddress); break;
	default:
		if (g->d.otherName->value->type == V_ASN1_UTF8STRING)
			put_string(out, g->d.otherName->value->value.utf8string);
	}
}

static void put_alternatives(struct text *out, const X509 *cert, const struct cert_choice *c)
{
	static const int types[] = { [CONFIG_SAN_DNS] = GEN_DNS,
				     [CONFIG_SAN_IP] = GEN_IPADD,
				     [CONFIG_SAN_EMAIL] = GEN_EMAIL,
				     [CONFIG_SAN_URI] = GEN_URI,
				     [CONFIG_SAN_OTHER] = GEN_OTHERNAME };
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	for (int i = 0, seen = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
		if (g->type == types[c->san_type] && seen++ == c->san_index)
			put_alternative(out, g);
	}
	GENERAL_NAMES_free(names);
}

void cert_put(const X509 *cert, const struct cert_choice *c, struct text *out)
{
	must(out->n == 0);
	if (c->from == CONFIG_CERT_SAN)
		put_alternatives(out, cert, c);
	else
		put_subject(out, X509_get_subject_name(cert), c->from);
}

/* A name with a zero in it is none: whoever reads it as far as that would take it for another. */
bool cert_name(const X509 *cert, const struct cert_choice *c, struct text *out)
{
	cert_put(cert, c, out);
	struct slice name = text_slice(out);
	return name.n > 0 && !text_is_full(out) && slice_find(name, '\0') == name.n;
}
