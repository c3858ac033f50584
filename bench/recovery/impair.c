// impair: an Ethernet cable between two TAP devices that it makes, with a rate, a queue, a delay and faults, and its own count of segments
// that were sent in vain. One generator a direction: the k-th frame of a direction meets the same fate in every run with the same seed.
//   impair -a TAP -b TAP [-d delay ms] [-r Mbit/s] [-q queue KiB] [-l loss %] [-B enter %,leave %] [-R reorder %] [-x reorder ms] [-s seed]
// Loss and reordering strike a to b and b to a alike; -B is a burst (all frames lost from "enter" to "leave", chances of each frame).
// On SIGTERM or SIGINT it prints one JSON line: frames, losses, and for each direction the TCP segments with text that arrived, and those of
// them that brought nothing new.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FRAME = 1600, MAX_RANGES = 4096, MAX_FLOWS = 256, BATCH = 64 };

struct frame {
  struct frame *next;
  uint64_t due;
  int length;
  uint8_t bytes[MAX_FRAME];
};

// Octets of a flow that have arrived: disjoint ranges in ascending order, relative to its SYN.
struct flow {
  uint64_t key;
  uint32_t initial;
  int count;
  uint32_t left[MAX_RANGES], right[MAX_RANGES];
};

struct direction {
  int in, out, bad;
  uint64_t random, free_at, last_due;
  struct frame *head, *tail;
  unsigned long offered, lost, overflow, reordered, segments, vain;
  int flows;
  struct flow *flow[MAX_FLOWS];
};

static double rate, loss, enter, leave, reorder;
static uint64_t delay, reorder_delay = 3000000;
static long queue = 1 << 20;
static struct frame *spare;
static volatile sig_atomic_t stopped;

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static double chance(struct direction *d) {
  d->random ^= d->random >> 12;
  d->random ^= d->random << 25;
  d->random ^= d->random >> 27;
  return ((d->random * 2685821657736338717ull) >> 11) * 0x1p-53;
}

static struct frame *take(void) {
  struct frame *f = spare;
  if (f) spare = f->next;
  else f = malloc(sizeof *f);
  return f;
}

static void give(struct frame *f) {
  f->next = spare;
  spare = f;
}

static void stop(int signal) {
  (void)signal;
  stopped = 1;
}

static int tap(const char *name) {
  struct ifreq request;
  memset(&request, 0, sizeof request);
  snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0) {
    perror(name);
    exit(1);
  }
  return fd;
}

// True when [left, right) holds an octet that had not arrived; it has then.
static int arrive(struct flow *w, uint32_t left, uint32_t right) {
  int i = 0;
  while (i < w->count && w->right[i] < left) i++;
  if (i < w->count && w->left[i] <= left && w->right[i] >= right) return 0;
  int j = i;
  while (j < w->count && w->left[j] <= right) {
    if (w->left[j] < left) left = w->left[j];
    if (w->right[j] > right) right = w->right[j];
    j++;
  }
  int grown = 1 - (j - i);
  if (w->count + grown > MAX_RANGES) return 1;
  memmove(w->left + i + 1, w->left + j, (w->count - j) * sizeof *w->left);
  memmove(w->right + i + 1, w->right + j, (w->count - j) * sizeof *w->right);
  w->left[i] = left;
  w->right[i] = right;
  w->count += grown;
  return 1;
}

static void judge(struct direction *d, const uint8_t *f, int length) {
  if (length < 54 || f[12] != 8 || f[13] != 0 || f[23] != 6) return;
  const uint8_t *ip = f + 14, *tcp = ip + (ip[0] & 15) * 4;
  int text = (ip[2] << 8 | ip[3]) - (ip[0] & 15) * 4 - (tcp[12] >> 4) * 4;
  uint64_t key = (uint64_t)ip[12] << 56 | (uint64_t)ip[13] << 48 | (uint64_t)ip[14] << 40 | (uint64_t)ip[15] << 32 |
                 (uint64_t)tcp[0] << 24 | tcp[1] << 16 | tcp[2] << 8 | tcp[3];
  uint32_t seq = (uint32_t)tcp[4] << 24 | tcp[5] << 16 | tcp[6] << 8 | tcp[7];
  struct flow *w = 0;
  for (int i = 0; i < d->flows && !w; i++)
    if (d->flow[i]->key == key) w = d->flow[i];
  if (tcp[13] & 2) {
    if (!w) {
      if (d->flows == MAX_FLOWS) return;
      w = d->flow[d->flows++] = malloc(sizeof *w);
    }
    w->key = key;
    w->initial = seq + 1;
    w->count = 0;
    return;
  }
  if (!w || text <= 0) return;
  d->segments++;
  if (!arrive(w, seq - w->initial, seq - w->initial + text)) d->vain++;
}

static void enqueue(struct direction *d, struct frame *f) {
  uint64_t at = now();
  if (rate > 0) {
    if (d->free_at < at) d->free_at = at;
    if ((d->free_at - at) * rate / 8e9 > queue) {
      d->overflow++;
      give(f);
      return;
    }
    d->free_at += (f->length + 24) * 8e9 / rate;
    at = d->free_at;
  }
  if (enter > 0 && chance(d) < (d->bad ? leave : enter)) d->bad = !d->bad;
  if (d->bad || (loss > 0 && chance(d) < loss)) {
    d->lost++;
    give(f);
    return;
  }
  f->due = at + delay;
  if (reorder > 0 && chance(d) < reorder) {
    f->due += reorder_delay;
    d->reordered++;
  } else {
    if (f->due < d->last_due) f->due = d->last_due;
    d->last_due = f->due;
  }
  if (!d->tail || d->tail->due <= f->due) {
    f->next = 0;
    if (d->tail) d->tail->next = f;
    else d->head = f;
    d->tail = f;
    return;
  }
  struct frame **place = &d->head;
  while ((*place)->due <= f->due) place = &(*place)->next;
  f->next = *place;
  *place = f;
}

static int receive(struct direction *d) {
  int n = 0;
  for (; n < BATCH; n++) {
    struct frame *f = take();
    f->length = read(d->in, f->bytes, sizeof f->bytes);
    if (f->length <= 0) {
      give(f);
      break;
    }
    d->offered++;
    enqueue(d, f);
  }
  return n;
}

// Lets go of what is due; the time of the next, or 0.
static uint64_t release(struct direction *d) {
  for (struct frame *f; (f = d->head); give(f)) {
    if (f->due > now()) return f->due;
    d->head = f->next;
    if (!d->head) d->tail = 0;
    judge(d, f->bytes, f->length);
    if (write(d->out, f->bytes, f->length) < 0) d->overflow++;
  }
  return 0;
}

int main(int argc, char **argv) {
  const char *a = 0, *b = 0;
  uint64_t seed = 1;
  for (int c; (c = getopt(argc, argv, "a:b:d:r:q:l:B:R:x:s:")) > 0;) {
    if (c == 'a') a = optarg;
    else if (c == 'b') b = optarg;
    else if (c == 'd') delay = atof(optarg) * 1e6;
    else if (c == 'r') rate = atof(optarg) * 1e6;
    else if (c == 'q') queue = atof(optarg) * 1024;
    else if (c == 'l') loss = atof(optarg) / 100;
    else if (c == 'B' && sscanf(optarg, "%lf,%lf", &enter, &leave) == 2) enter /= 100, leave /= 100;
    else if (c == 'R') reorder = atof(optarg) / 100;
    else if (c == 'x') reorder_delay = atof(optarg) * 1e6;
    else if (c == 's') seed = strtoull(optarg, 0, 0);
    else return 2;
  }
  if (!a || !b) {
    fprintf(stderr, "impair: -a and -b name the two TAP devices\n");
    return 2;
  }
  int fd[2] = {tap(a), tap(b)};
  static struct direction d[2];
  for (int i = 0; i < 2; i++) {
    d[i].in = fd[i];
    d[i].out = fd[1 - i];
    d[i].random = (seed * 2 + i + 1) * 0x9E3779B97F4A7C15ull;
    for (int k = 0; k < 16; k++) chance(&d[i]);
  }
  struct sigaction action = {.sa_handler = stop};
  sigaction(SIGTERM, &action, 0);
  sigaction(SIGINT, &action, 0);
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), set = epoll_create1(0), watched[3] = {fd[0], fd[1], timer};
  for (int i = 0; i < 3; i++) {
    struct epoll_event e = {EPOLLIN, {.u32 = i}};
    epoll_ctl(set, EPOLL_CTL_ADD, watched[i], &e);
  }
  puts("ready");
  fflush(stdout);
  while (!stopped) {
    int moved = receive(&d[0]) + receive(&d[1]);
    uint64_t first = release(&d[0]), second = release(&d[1]), next = !first ? second : !second ? first : first < second ? first : second;
    if (moved) continue;
    struct itimerspec when = {.it_value = {next / 1000000000, next % 1000000000}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, 0);
    struct epoll_event events[3];
    int n = epoll_wait(set, events, 3, 1000);
    for (int i = 0; i < n; i++)
      if (events[i].data.u32 == 2) {
        uint64_t expirations;
        if (read(timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN) return 1;
      }
  }
  printf("[");
  for (int i = 0; i < 2; i++)
    printf("%s{\"offered\":%lu,\"lost\":%lu,\"overflow\":%lu,\"reordered\":%lu,\"segments\":%lu,\"vain\":%lu}", i ? "," : "", d[i].offered,
           d[i].lost, d[i].overflow, d[i].reordered, d[i].segments, d[i].vain);
  puts("]");
  return 0;
}
