// flow: a bulk sender and a sink on kernel sockets.
//   flow sink PORT                      reads and discards; a line of JSON for each connection that ends, or is silent for three seconds:
//                                       its peer, octets, and seconds until the last of them
//   flow send HOST PORT SECONDS CC      sends for so long with that congestion control; a line of JSON: segments sent again
#include <arpa/inet.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static char block[1 << 18];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static int sink(int port) {
  int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (void *)&at, sizeof at) || listen(listener, 64)) {
    perror("listen");
    return 1;
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    struct sockaddr_in peer;
    socklen_t length = sizeof peer;
    int fd = accept(listener, (void *)&peer, &length);
    if (fd < 0) return 1;
    if (fork() > 0) {
      close(fd);
      continue;
    }
    double begin = now(), last = begin;
    struct timeval most = {.tv_sec = 3};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    long octets = 0;
    for (ssize_t n; (n = read(fd, block, sizeof block)) > 0; octets += n) last = now();
    printf("{\"peer\":\"%s\",\"octets\":%ld,\"seconds\":%f}\n", inet_ntoa(peer.sin_addr), octets, last - begin);
    fflush(stdout);
    _exit(0);
  }
}

static int sender(const char *host, int port, double seconds, const char *congestion) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct timeval most = {.tv_sec = 1};
  inet_pton(AF_INET, host, &at.sin_addr);
  if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, strlen(congestion))) perror(congestion);
  if (connect(fd, (void *)&at, sizeof at)) {
    perror("connect");
    return 1;
  }
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
  for (double end = now() + seconds; now() < end;) write(fd, block, sizeof block);
  struct tcp_info info;
  socklen_t length = sizeof info;
  getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length);
  printf("{\"again\":%u}\n", info.tcpi_total_retrans);
  fflush(stdout);
  struct linger reset = {.l_onoff = 1};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  return close(fd);
}

int main(int argc, char **argv) {
  if (argc == 3 && !strcmp(argv[1], "sink")) return sink(atoi(argv[2]));
  if (argc == 6 && !strcmp(argv[1], "send")) return sender(argv[2], atoi(argv[3]), atof(argv[4]), argv[5]);
  fprintf(stderr, "usage: flow sink PORT | flow send HOST PORT SECONDS CONGESTION\n");
  return 2;
}
