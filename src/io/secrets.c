#include "io/secrets.h"

#include "base/wr.h"
#include "io/clock.h"
#include "io/password.h"
#include "io/thread.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define THREADS     2u
#define JOBS_MAX    65536u /* waiting; beyond it a password is wrong */
#define KNOWN       1024u
#define KNOWN_MS    60000u
#define SUM_BYTES   32u
#define STRINGS_MAX 1024u /* of what is asked and remembered */
#define BUCKETS     1024u /* of the jobs of a loop, by ticket */

/* Is the password what the hash was made of? */
struct question {
	struct slice algorithm, hash, password;
};

struct job {
	struct job *next;
	struct job *bucket_next; /* the loop's, as its ticket */
	struct secret_port *from;
	uint64_t ticket;
	_Atomic bool is_forgotten;
	bool is_right;
	struct question q; /* in `bytes` */
	size_t bytes_n;
	uint8_t bytes[];
};

struct known {
	uint8_t sum[SUM_BYTES];
	uint64_t until_ms; /* 0: free */
};

struct secret_port {
	struct secrets port;
	struct secret_pool *pool;
	struct poller *poller;
	_Atomic(struct job *) answers; /* newest first */
	struct job *asked[BUCKETS];    /* all that have not been taken */
};

struct secret_pool {
	pthread_mutex_t lock;
	pthread_cond_t more;
	pthread_t threads[THREADS]; /* from the first job on */
	uint32_t threads_n, jobs_n;
	struct job *first, *last;
	struct known known[KNOWN];
	uint8_t key[SUM_BYTES]; /* of the sums; gone with the process */
	struct pollers *pollers;
	bool is_over;
	struct secret_port ports[]; /* one of each loop */
};

/* ---- what is known ------------------------------------------------------------------------ */

static bool sum_of(const struct secret_pool *p, const struct question *q, uint8_t out[SUM_BYTES])
{
	uint8_t room[SUM_BYTES + 2 * sizeof(size_t) + STRINGS_MAX];
	struct wr w = wr_of(room, sizeof room);
	if (q->algorithm.n + q->hash.n + q->password.n > STRINGS_MAX)
		return false;
	wr_bytes(&w, p->key, SUM_BYTES);
	wr_le64(&w, q->algorithm.n);
	wr_slice(&w, q->algorithm);
	wr_le64(&w, q->hash.n);
	wr_slice(&w, q->hash);
	wr_slice(&w, q->password);
	crypto_hash_sha256(out, room, w.n);
	sodium_memzero(room, sizeof room);
	return true;
}

static struct known *place_of(struct secret_pool *p, const uint8_t sum[SUM_BYTES])
{
	uint32_t at;
	memcpy(&at, sum, sizeof at);
	return &p->known[at % KNOWN];
}

/* With the lock. */
static bool is_known(struct secret_pool *p, const uint8_t sum[SUM_BYTES])
{
	const struct known *k = place_of(p, sum);
	return k->until_ms > clock_now_ms() && memcmp(k->sum, sum, SUM_BYTES) == 0;
}

/* With the lock. */
static void remember(struct secret_pool *p, const uint8_t sum[SUM_BYTES])
{
	struct known *k = place_of(p, sum);
	memcpy(k->sum, sum, SUM_BYTES);
	k->until_ms = clock_now_ms() + KNOWN_MS;
}

/* ---- threads ------------------------------------------------------------------------------ */

/* A password may be in it. */
static void job_free(struct job *own_j)
{
	sodium_memzero(own_j->bytes, own_j->bytes_n);
	free(own_j);
}

static void answer(struct job *own_j)
{
	struct secret_port *port = own_j->from;
	struct job *first = atomic_load(&port->answers);
	do {
		own_j->next = first;
	} while (!atomic_compare_exchange_weak(&port->answers, &first, own_j));
	if (loop_to_wake(port->poller->loop))
		poller_wake(port->poller);
}

static void look(struct secret_pool *p, struct job *j)
{
	uint8_t sum[SUM_BYTES];
	bool has_sum = sum_of(p, &j->q, sum);
	pthread_mutex_lock(&p->lock);
	j->is_right = has_sum && is_known(p, sum);
	pthread_mutex_unlock(&p->lock);
	if (!j->is_right)
		j->is_right = password_fits(j->q.algorithm, j->q.hash, j->q.password);
	pthread_mutex_lock(&p->lock);
	if (j->is_right && has_sum)
		remember(p, sum);
	pthread_mutex_unlock(&p->lock);
	sodium_memzero(j->bytes, j->bytes_n);
}

static struct job *next_job(struct secret_pool *p)
{
	pthread_mutex_lock(&p->lock);
	while (!p->first && !p->is_over)
		pthread_cond_wait(&p->more, &p->lock);
	struct job *j = p->is_over ? NULL : p->first;
	if (j) {
		p->first = j->next;
		p->jobs_n--;
		if (!p->first)
			p->last = NULL;
	}
	pthread_mutex_unlock(&p->lock);
	return j;
}

static void *run(void *arg)
{
	struct secret_pool *p = arg;
	for (struct job *j; (j = next_job(p)) != NULL;) {
		if (!atomic_load_explicit(&j->is_forgotten, memory_order_relaxed))
			look(p, j);
		answer(j);
	}
	return NULL;
}

/* ---- the port ----------------------------------------------------------------------------- */

static struct slice copy_to(struct wr *w, struct slice s)
{
	uint8_t *at = wr_reserve(w, s.n);
	must(at != NULL);
	if (s.n)
		memcpy(at, s.p, s.n);
	return slice_of(at, s.n);
}

static struct job *job_of(struct secret_port *from, const struct question *q, uint64_t ticket)
{
	size_t n = q->algorithm.n + q->hash.n + q->password.n;
	struct job *j = calloc(1, sizeof *j + n);
	if (!j)
		return NULL;
	struct wr w = wr_of(j->bytes, n);
	j->from = from;
	j->ticket = ticket;
	j->bytes_n = n;
	j->q.algorithm = copy_to(&w, q->algorithm);
	j->q.hash = copy_to(&w, q->hash);
	j->q.password = copy_to(&w, q->password);
	return j;
}

/* With the lock. One thread will do if the system has no more. */
static bool has_threads(struct secret_pool *p)
{
	while (p->threads_n < THREADS &&
	       thread_start(&p->threads[p->threads_n], "passwords", run, p))
		p->threads_n++;
	return p->threads_n > 0;
}

/* Gives the job to a thread. False: there are too many jobs, or no thread. */
static bool hand_over(struct secret_pool *p, struct job *own_j)
{
	pthread_mutex_lock(&p->lock);
	bool has_room = p->jobs_n < JOBS_MAX && has_threads(p);
	if (has_room) {
		if (p->last)
			p->last->next = own_j;
		else
			p->first = own_j;
		p->last = own_j;
		p->jobs_n++;
		pthread_cond_signal(&p->more);
	}
	pthread_mutex_unlock(&p->lock);
	if (!has_room)
		job_free(own_j);
	return has_room;
}

static struct job **bucket_of(struct secret_port *port, uint64_t ticket)
{
	return &port->asked[ticket % BUCKETS];
}

static enum secret check(struct secrets *s, struct slice algorithm, struct slice hash,
			 struct slice password, uint64_t ticket)
{
	struct secret_port *port = containerof(s, struct secret_port, port);
	struct secret_pool *p = port->pool;
	const struct question q = { algorithm, hash, password };
	uint8_t sum[SUM_BYTES];
	if (hash.n == 0 || password.n == 0)
		return SECRET_WRONG;
	if (!password_is_dear(algorithm))
		return password_fits(algorithm, hash, password) ? SECRET_RIGHT : SECRET_WRONG;
	if (sum_of(p, &q, sum)) {
		pthread_mutex_lock(&p->lock);
		bool is_right = is_known(p, sum);
		pthread_mutex_unlock(&p->lock);
		if (is_right)
			return SECRET_RIGHT;
	}
	struct job *j = job_of(port, &q, ticket);
	if (!j || !hand_over(p, j))
		return SECRET_WRONG;
	struct job **at = bucket_of(port, ticket);
	j->bucket_next = *at; /* no thread looks at it, and only this one takes the job */
	*at = j;
	return SECRET_LATER;
}

static void forget(struct secrets *s, uint64_t ticket)
{
	struct secret_port *port = containerof(s, struct secret_port, port);
	for (struct job *j = *bucket_of(port, ticket); j; j = j->bucket_next)
		if (j->ticket == ticket)
			atomic_store_explicit(&j->is_forgotten, true, memory_order_relaxed);
}

static struct job *next_answer(struct secret_port *port)
{
	struct job *j = atomic_load_explicit(&port->answers, memory_order_acquire);
	while (j && !atomic_compare_exchange_weak(&port->answers, &j, j->next))
		;
	if (!j)
		return NULL;
	struct job **at = bucket_of(port, j->ticket);
	while (*at != j)
		at = &(*at)->bucket_next;
	*at = j->bucket_next;
	return j;
}

static bool take(struct secrets *s, uint64_t *out_ticket, bool *out_is_right)
{
	struct secret_port *port = containerof(s, struct secret_port, port);
	bool is_any = false;
	for (struct job *j; !is_any && (j = next_answer(port)) != NULL; job_free(j)) {
		is_any = !atomic_load_explicit(&j->is_forgotten, memory_order_relaxed);
		if (!is_any)
			continue;
		*out_ticket = j->ticket;
		*out_is_right = j->is_right;
	}
	return is_any;
}

static bool has(struct secrets *s)
{
	struct secret_port *port = containerof(s, struct secret_port, port);
	return atomic_load(&port->answers) != NULL;
}

static const char *make(struct secrets *s, struct slice password, struct text *out_hash,
			struct text *out_scram)
{
	(void)s;
	password_make_scram(password, out_scram);
	return password_make_cheap(password, out_hash);
}

/* ---- life --------------------------------------------------------------------------------- */

struct secret_pool *secrets_new(struct pollers *pollers)
{
	static const struct secrets_ops ops = {
		.check = check,
		.forget = forget,
		.take = take,
		.has = has,
		.make = make,
		.sum = password_sum,
	};
	struct secret_pool *p = calloc(1, sizeof *p + pollers->n * sizeof p->ports[0]);
	if (!p || getrandom(p->key, sizeof p->key, 0) != sizeof p->key) {
		free(p);
		return NULL;
	}
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	p->pollers = pollers;
	for (uint32_t i = 0; i < pollers->n; i++) {
		p->ports[i].port.ops = &ops;
		p->ports[i].pool = p;
		p->ports[i].poller = &pollers->at[i];
	}
	return p;
}

static void jobs_free(struct job *own_j)
{
	for (struct job *next; own_j; own_j = next) {
		next = own_j->next;
		job_free(own_j);
	}
}

void secrets_stop(struct secret_pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->is_over = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	for (uint32_t i = 0; i < p->threads_n; i++)
		pthread_join(p->threads[i], NULL);
	p->threads_n = 0;
}

void secrets_free(struct secret_pool *own_pool)
{
	struct secret_pool *p = own_pool;
	if (!p)
		return;
	must(p->threads_n == 0);
	jobs_free(p->first);
	for (uint32_t i = 0; i < p->pollers->n; i++)
		jobs_free(atomic_load(&p->ports[i].answers));
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->more);
	sodium_memzero(p->key, sizeof p->key);
	free(p);
}

struct secrets *secrets_port(struct secret_pool *pool, uint32_t i)
{
	return &pool->ports[i].port;
}
