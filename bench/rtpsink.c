/* rtpsink: one UDP socket that receives the RTP of every call under test and measures it.
 * Streams are told apart by (source address, source port, SSRC). Times are the kernel's
 * receive stamps (SO_TIMESTAMPNS), so this process's own scheduling does not show in the gaps.
 *   rtpsink IP PORT OUT.json MAXSECS [--echo] [--expect PKTS]
 * SIGUSR1: begin a window (zero all figures). SIGUSR2: end it, and write OUT.json. SIGTERM/MAXSECS: write it, exit.
 * --echo: answer each packet with one of the same size (a caller that talks as well).
 * PORT 0 is a free one; the port that is used is printed on the first line of standard output. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#define VL 256
#define NH (1u << 20)
#define SB 400                       /* per-stream bins of 0.5 ms: 0..200 ms */
#define GB 20000                     /* global bins of 0.05 ms: 0..1 s */
#define FRAME_NS 20000000ll
#define WN 50                        /* packets of a second, of which one at least is on time */
#ifndef SO_RXQ_OVFL
#define SO_RXQ_OVFL 40
#endif
typedef struct { uint32_t ip, ssrc; uint16_t port; uint32_t epoch; uint64_t first, last, pkts, gaps, lost, ooo, bad;
  uint32_t ts0; uint64_t t0; int64_t lmin, lmax; int64_t nth, wmin, wfirst, wlast; uint32_t wn, ws; uint16_t seq; uint32_t maxgap_us; uint16_t h[SB]; } S;
static S *tab[NH]; static uint32_t list[NH], nlist; static uint64_t G[GB + 1], gtot, gpk, notrtp, drops; static uint64_t w0, w1; static int ep = 1; static uint32_t gmax;
static volatile sig_atomic_t epoch = 1, counting = 1, stop;
static void s1(int x) { (void)x; epoch++; counting = 2; }
static void s2(int x) { (void)x; counting = 0; }
static void st(int x) { (void)x; stop = 1; }
static int cu(const void *a, const void *b) { double x = *(double *)a, y = *(double *)b; return x < y ? -1 : x > y; }
/* how much later the last second of a stream is than its first one, by the numbers of its packets: for so long its
   sender stood still, though it lost no number */
static void stands(S *s, uint64_t t) { int64_t late = (int64_t)(t - s->t0) - s->nth * FRAME_NS;
  if (!s->wn || late < s->wmin) s->wmin = late;
  if (++s->wn == WN) { if (!s->ws++) s->wfirst = s->wmin; s->wlast = s->wmin; s->wn = 0; } }
static double q(double *v, uint32_t n, double p) { return n ? v[(uint32_t)(p * (n - 1) + .5)] : -1; }
static double gq(double p) { uint64_t c = 0, w = (uint64_t)(p * gtot); for (int i = 0; i <= GB; i++) { c += G[i]; if (c > w) return i * .05; } return -1; }
static double sq(S *s, double p) { uint64_t c = 0, w = (uint64_t)(p * s->gaps); for (int i = 0; i < SB; i++) { c += s->h[i]; if (c > w) return i * .5 + .25; } return 200; }
static void report(const char *path, long expect) {
  double *P = malloc(8 * (nlist + 1)), *Q = malloc(8 * (nlist + 1)), *C = malloc(8 * (nlist + 1)), *J = malloc(8 * (nlist + 1)), *M = malloc(8 * (nlist + 1)); uint32_t n = 0, full = 0, over30 = 0; double stood = 0; uint64_t lost = 0, ooo = 0, bad = 0; S *smp = 0;
  for (uint32_t i = 0; i < nlist; i++) { S *s = tab[list[i]]; if (s->epoch != (uint32_t)ep) continue;
    P[n] = sq(s, .5); Q[n] = sq(s, .99); if (Q[n] > 30) over30++; C[n] = s->pkts; J[n] = (s->lmax - s->lmin) / 1e6; M[n] = s->maxgap_us / 1e3; if (s->ws && (s->wlast - s->wfirst) / 1e6 > stood) stood = (s->wlast - s->wfirst) / 1e6; n++; lost += s->lost; ooo += s->ooo; bad += s->bad; if (expect && s->pkts >= (uint64_t)(expect * .95)) full++; if (!smp) smp = s; }
  qsort(P, n, 8, cu); qsort(Q, n, 8, cu); qsort(C, n, 8, cu); qsort(J, n, 8, cu); qsort(M, n, 8, cu);
  char part[4096]; snprintf(part, sizeof part, "%s.part", path); FILE *f = fopen(part, "w"); if (!f) return;
  fprintf(f, "{\"streams\":%u,\"packets\":%llu,\"window_s\":%.3f,\"gap_p50_ms\":%.2f,\"gap_p99_ms\":%.2f,\"gap_p999_ms\":%.2f,\"gap_max_ms\":%.1f,"
    "\"stream_p99_median_ms\":%.2f,\"stream_p99_worst_ms\":%.2f,\"streams_p99_over_30ms\":%u,\"sample_call\":{\"pkts\":%llu,\"gap_p50_ms\":%.2f,\"gap_p99_ms\":%.2f},"
    "\"pkts_per_stream_min\":%.0f,\"pkts_per_stream_p50\":%.0f,\"complete_streams\":%u,\"expect\":%ld,\"late_spread_p50_ms\":%.2f,\"late_spread_p99_ms\":%.2f,\"stream_maxgap_p50_ms\":%.2f,\"stream_maxgap_p99_ms\":%.2f,\"stood_max_ms\":%.2f,"
    "\"lost\":%llu,\"out_of_order\":%llu,\"odd_size\":%llu,\"not_rtp\":%llu,\"kernel_drops\":%llu}\n",
    n, (unsigned long long)gpk, (w1 - w0) / 1e9, gq(.5), gq(.99), gq(.999), gmax / 1e3, q(Q, n, .5), q(Q, n, 1), over30,
    smp ? (unsigned long long)smp->pkts : 0ull, smp ? sq(smp, .5) : -1, smp ? sq(smp, .99) : -1, q(C, n, 0), q(C, n, .5), full, expect, q(J, n, .5), q(J, n, .99), q(M, n, .5), q(M, n, .99), stood,
    (unsigned long long)lost, (unsigned long long)ooo, (unsigned long long)bad, (unsigned long long)notrtp, (unsigned long long)drops);
  fclose(f); rename(part, path); free(P); free(Q); free(C); free(J); free(M);
}
int main(int c, char **v) {
  if (c < 5) return 2;
  int echo = 0; long expect = 0;
  for (int i = 5; i < c; i++) { if (!strcmp(v[i], "--echo")) echo = 1; if (!strcmp(v[i], "--expect")) expect = atol(v[++i]); }
  if (strncmp(v[1], "127.", 4)) { fprintf(stderr, "loopback only\n"); return 2; }
  int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1, rb = 256 << 20;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rb, sizeof rb)) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rb, sizeof rb);
  setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on); setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
  struct timeval tv = {0, 50000}; setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(v[2]))}; inet_pton(AF_INET, v[1], &a.sin_addr);
  if (bind(fd, (void *)&a, sizeof a)) { perror("bind"); return 1; }
  socklen_t al = sizeof a; getsockname(fd, (void *)&a, &al); printf("%d\n", ntohs(a.sin_port)); fflush(stdout);
  struct sigaction sa = {0}; sa.sa_handler = s1; sigaction(SIGUSR1, &sa, 0); sa.sa_handler = s2; sigaction(SIGUSR2, &sa, 0);
  sa.sa_handler = st; sigaction(SIGTERM, &sa, 0); sigaction(SIGINT, &sa, 0);
  static struct mmsghdr m[VL]; static struct iovec io[VL]; static unsigned char buf[VL][2048]; static char ctl[VL][128]; static struct sockaddr_in src[VL];
  time_t end = time(0) + atol(v[4]); int told = 0;
  while (!stop && time(0) < end) {
    for (int i = 0; i < VL; i++) { io[i].iov_base = buf[i]; io[i].iov_len = 2048; m[i].msg_hdr = (struct msghdr){.msg_name = &src[i], .msg_namelen = sizeof src[i], .msg_iov = &io[i], .msg_iovlen = 1, .msg_control = ctl[i], .msg_controllen = 128}; }
    /* poll every 2 ms rather than wake per packet: the stamps are the kernel's, so nothing is lost in precision, and the
       receiver neither eats the machine nor charges its wake-ups to the sender's send() */
    int n = recvmmsg(fd, m, VL, MSG_DONTWAIT, 0);
    if (n <= 0) { struct timespec nap = {0, 2000000}; nanosleep(&nap, 0); }
    if (ep != epoch) { ep = epoch; memset(G, 0, sizeof G); gtot = gpk = gmax = 0; w0 = 0; }
    if (counting) told = 0;
    else if (!told) { told = 1; report(v[3], expect); }
    if (n <= 0) continue;
    for (int i = 0; i < n; i++) {
      uint64_t t = 0;
      for (struct cmsghdr *h = CMSG_FIRSTHDR(&m[i].msg_hdr); h; h = CMSG_NXTHDR(&m[i].msg_hdr, h)) {
        if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_TIMESTAMPNS) { struct timespec *p = (void *)CMSG_DATA(h); t = p->tv_sec * 1000000000ull + p->tv_nsec; }
        if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SO_RXQ_OVFL) drops = *(uint32_t *)CMSG_DATA(h); }
      unsigned char *b = buf[i]; unsigned L = m[i].msg_len;
      if (L < 13 || (b[0] & 0xC0) != 0x80 || (b[1] & 0x7f) >= 72 && (b[1] & 0x7f) <= 76) { notrtp++; continue; }
      uint32_t ssrc = b[8] << 24 | b[9] << 16 | b[10] << 8 | b[11], ts = b[4] << 24 | b[5] << 16 | b[6] << 8 | b[7]; uint16_t seq = b[2] << 8 | b[3], port = ntohs(src[i].sin_port); uint32_t ip = src[i].sin_addr.s_addr;
      if (counting) {
        uint32_t k = (ssrc ^ port * 2654435761u ^ ip * 40503u) & (NH - 1);
        while (tab[k] && !(tab[k]->ssrc == ssrc && tab[k]->port == port && tab[k]->ip == ip)) k = (k + 1) & (NH - 1);
        S *s = tab[k]; int fresh = 0;
        if (!s) { s = tab[k] = calloc(1, sizeof *s); s->ip = ip; s->port = port; s->ssrc = ssrc; list[nlist++] = k; fresh = 1; }
        if (s->epoch != (uint32_t)ep) { uint64_t lt = s->last; uint16_t lq = s->seq; uint32_t e = s->epoch; s->pkts = s->gaps = s->lost = s->ooo = s->bad = s->maxgap_us = 0; memset(s->h, 0, sizeof s->h); s->epoch = ep; s->first = t; s->ts0 = ts; s->t0 = t; s->lmin = s->lmax = 0; s->nth = 0; s->wn = s->ws = 0; (void)lt; (void)lq; (void)e; fresh = 1; }
        if (!fresh) {
          uint64_t g = t > s->last ? t - s->last : 0; int16_t d = seq - s->seq;
          if (d == 1) { uint32_t gi = g / 50000; if (gi > GB) gi = GB; G[gi]++; gtot++; uint32_t si = g / 500000; if (si >= SB) si = SB - 1; if (s->h[si] < 65535) s->h[si]++; s->gaps++; if (g / 1000 > s->maxgap_us) s->maxgap_us = g / 1000; if (g / 1000 > gmax) gmax = g / 1000; }
          else if (d > 1) s->lost += d - 1; else s->ooo++;
          int64_t late = (int64_t)(t - s->t0) - (int64_t)(uint32_t)(ts - s->ts0) * 125000; if (late < s->lmin) s->lmin = late; if (late > s->lmax) s->lmax = late;
          s->nth += d;
        }
        stands(s, t);
        if (L != 172) s->bad++;
        s->last = t; s->seq = seq; s->pkts++; gpk++; if (!w0) w0 = t; w1 = t;
      }
      if (echo) { b[8] ^= 0x5a; b[1] &= 0x7f; sendto(fd, b, L, MSG_DONTWAIT, (void *)&src[i], sizeof src[i]); }
    }
  }
  report(v[3], expect); return 0;
}
