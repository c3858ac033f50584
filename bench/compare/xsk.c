/* The limit that `bench/xdp.ts` compares with: AF_XDP in C, by raw system calls, on one queue.
 *   xsk gen  DEVICE SECONDS OCTETS   frames out of the device, made in the kernel (BPF_PROG_TEST_RUN with live frames)
 *   xsk drop DEVICE SECONDS          whatever comes is dropped by the driver
 *   xsk rx|tx|fwd DEVICE SECONDS OCTETS [wait]   looks without end; "wait": sleeps while there is nothing
 * One line of JSON: frames, seconds, CPU seconds. */
#define _GNU_SOURCE
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 4096, FRAMES = 8192, RING = 2048, BATCH = 64, MOST_SENT = 256 };
#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9
#endif
/* Seconds until the generator runs, and the other side's code is compiled: nothing is counted before. */
static const double WARM = 0.3;
struct ring { uint32_t *producer, *consumer, *flags; void *slots; uint32_t own; };

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec * 1e-9; }
static double cpu(void) { struct rusage r; getrusage(RUSAGE_SELF, &r); return r.ru_utime.tv_sec + r.ru_stime.tv_sec + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1e-6; }
static void die(const char *what) { perror(what); exit(1); }
static int bpf(int command, union bpf_attr *attr) { return syscall(SYS_bpf, command, attr, sizeof *attr); }

static int load(struct bpf_insn *code, int count) {
  union bpf_attr a = {.prog_type = BPF_PROG_TYPE_XDP, .insn_cnt = count, .insns = (uintptr_t)code, .license = (uintptr_t)"GPL"};
  int fd = bpf(BPF_PROG_LOAD, &a);
  if (fd < 0) die("BPF_PROG_LOAD");
  return fd;
}
static int verdict(int value) {
  struct bpf_insn code[] = {{.code = 0xb7, .dst_reg = 0, .imm = value}, {.code = 0x95}};
  return load(code, 2);
}
static void attach(int prog, int index) {
  union bpf_attr a = {.link_create = {.prog_fd = prog, .target_ifindex = index, .attach_type = BPF_XDP, .flags = XDP_FLAGS_DRV_MODE}};
  for (int i = 0; bpf(BPF_LINK_CREATE, &a) < 0; i++, usleep(10000)) if (i == 100) die("BPF_LINK_CREATE");
}
static void map_ring(struct ring *r, int fd, int option, off_t page, struct xdp_ring_offset *o, int slot) {
  int size = RING;
  if (setsockopt(fd, SOL_XDP, option, &size, sizeof size)) die("ring");
  char *m = mmap(0, o->desc + RING * slot, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, page);
  if (m == MAP_FAILED) die("mmap");
  *r = (struct ring){(void *)(m + o->producer), (void *)(m + o->consumer), (void *)(m + o->flags), m + o->desc, 0};
}
static uint32_t load_acquire(uint32_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static void store_release(uint32_t *p, uint32_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }

static struct ring rx, tx, fill, completion;
static char *umem;
static uint64_t spare[FRAMES];
static int spares, fd;

static void refill(void) {
  uint32_t room = RING - (fill.own - load_acquire(fill.consumer));
  while (room-- > 0 && spares > FRAMES / 2) ((uint64_t *)fill.slots)[fill.own++ & (RING - 1)] = spare[--spares];
  store_release(fill.producer, fill.own);
  if (*fill.flags & XDP_RING_NEED_WAKEUP) recvfrom(fd, 0, 0, MSG_DONTWAIT, 0, 0);
}
static long reap(void) {
  uint32_t done = load_acquire(completion.producer) - completion.own;
  for (uint32_t i = 0; i < done; i++) spare[spares++] = ((uint64_t *)completion.slots)[completion.own++ & (RING - 1)] & ~(uint64_t)(CHUNK - 1);
  store_release(completion.consumer, completion.own);
  return done;
}
static void kick(void) { if (*tx.flags & XDP_RING_NEED_WAKEUP) sendto(fd, 0, 0, MSG_DONTWAIT, 0, 0); }

static void open_socket(int index) {
  union bpf_attr m = {.map_type = BPF_MAP_TYPE_XSKMAP, .key_size = 4, .value_size = 4, .max_entries = 4};
  int map = bpf(BPF_MAP_CREATE, &m);
  struct bpf_insn code[] = {{.code = 0x61, .dst_reg = 2, .src_reg = 1, .off = 16}, {.code = 0x18, .dst_reg = 1, .src_reg = 1, .imm = map}, {0},
                            {.code = 0xb7, .dst_reg = 3, .imm = XDP_PASS}, {.code = 0x85, .imm = 51}, {.code = 0x95}};
  attach(load(code, 6), index);
  fd = socket(AF_XDP, SOCK_RAW, 0);
  if (posix_memalign((void **)&umem, CHUNK, (size_t)CHUNK * FRAMES)) die("memory");
  struct xdp_umem_reg reg = {.addr = (uintptr_t)umem, .len = (uint64_t)CHUNK * FRAMES, .chunk_size = CHUNK};
  if (fd < 0 || setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof reg)) die("UMEM");
  int most = MOST_SENT; /* frames that one call sends; 32 where the kernel is older than 6.17 */
  setsockopt(fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &most, sizeof most);
  struct xdp_mmap_offsets o;
  socklen_t length = sizeof o;
  if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &o, &length)) die("offsets");
  map_ring(&rx, fd, XDP_RX_RING, XDP_PGOFF_RX_RING, &o.rx, 16);
  map_ring(&tx, fd, XDP_TX_RING, XDP_PGOFF_TX_RING, &o.tx, 16);
  map_ring(&fill, fd, XDP_UMEM_FILL_RING, XDP_UMEM_PGOFF_FILL_RING, &o.fr, 8);
  map_ring(&completion, fd, XDP_UMEM_COMPLETION_RING, XDP_UMEM_PGOFF_COMPLETION_RING, &o.cr, 8);
  for (spares = 0; spares < FRAMES; spares++) spare[spares] = (uint64_t)spares * CHUNK;
  struct sockaddr_xdp address = {.sxdp_family = AF_XDP, .sxdp_flags = XDP_USE_NEED_WAKEUP, .sxdp_ifindex = index};
  for (int i = 0; bind(fd, (void *)&address, sizeof address); i++, usleep(10000)) if (i == 100) die("bind");
  uint32_t key = 0;
  union bpf_attr u = {.map_fd = map, .key = (uintptr_t)&key, .value = (uintptr_t)&fd};
  if (bpf(BPF_MAP_UPDATE_ELEM, &u)) die("map");
}

static void generate(int index, double end, int octets) {
  char frame[2048] = {2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 8, 0, 0x45};
  struct xdp_md context = {.data_end = octets, .ingress_ifindex = index};
  union bpf_attr a = {.test = {.prog_fd = verdict(XDP_TX), .data_in = (uintptr_t)frame, .data_size_in = octets, .repeat = 1 << 14,
                               .ctx_in = (uintptr_t)&context, .ctx_size_in = sizeof context, .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH}};
  while (now() < end) if (bpf(BPF_PROG_TEST_RUN, &a)) die("BPF_PROG_TEST_RUN");
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  const char *mode = argv[1];
  int index = if_nametoindex(argv[2]), octets = argc > 4 ? atoi(argv[4]) : 60;
  double seconds = atof(argv[3]), from = now(), used, end;
  long frames = 0;
  if (!index) die(argv[2]);
  if (!strcmp(mode, "gen")) return generate(index, from + seconds, octets), 0;
  if (!strcmp(mode, "drop")) return attach(verdict(XDP_DROP), index), usleep(seconds * 1e6), 0;
  open_socket(index);
  refill();
  int send = !strcmp(mode, "tx"), forward = !strcmp(mode, "fwd"), waits = argc > 5;
  double warm = now() + WARM;
  int measuring = 0;
  end = warm + seconds;
  for (double t = now(); t < end; t = now()) {
    if (!measuring && t > warm) measuring = 1, frames = 0, from = t, used = cpu();
    if (send) {
      uint32_t room = RING - (tx.own - load_acquire(tx.consumer));
      for (int i = 0; i < BATCH && room-- > 0 && spares > 0; i++) {
        uint64_t at = spare[--spares];
        memcpy(umem + at, "\2\0\0\0\0\11\2\0\0\0\0\1\10\0", 14);
        ((struct xdp_desc *)tx.slots)[tx.own++ & (RING - 1)] = (struct xdp_desc){at, octets, 0};
      }
      store_release(tx.producer, tx.own);
      kick();
      frames += reap();
      continue;
    }
    uint32_t count = load_acquire(rx.producer) - rx.own;
    if (count == 0) {
      struct pollfd p = {fd, POLLIN, 0};
      if (waits) poll(&p, 1, 10);
      if (forward) frames += reap();
      continue;
    }
    if (count > 512) count = 512;
    for (uint32_t i = 0; i < count; i++) {
      struct xdp_desc d = ((struct xdp_desc *)rx.slots)[rx.own++ & (RING - 1)];
      if (!forward || tx.own - load_acquire(tx.consumer) >= RING) { spare[spares++] = d.addr & ~(uint64_t)(CHUNK - 1); frames += !forward; continue; }
      char swap[6], *octet = umem + d.addr;
      memcpy(swap, octet, 6); memcpy(octet, octet + 6, 6); memcpy(octet + 6, swap, 6);
      ((struct xdp_desc *)tx.slots)[tx.own++ & (RING - 1)] = d;
    }
    store_release(rx.consumer, rx.own);
    if (forward) { store_release(tx.producer, tx.own); kick(); frames += reap(); }
    refill();
  }
  printf("{\"frames\":%ld,\"seconds\":%.4f,\"cpu\":%.4f}\n", frames, now() - from, cpu() - used);
  return 0;
}
