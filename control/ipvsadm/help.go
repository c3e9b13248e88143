package ipvsadm

const version = "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)\n"

// HelpText returns what ipvsadm prints for -h.
func HelpText() string { return version + help }

// help describes what ipvsadm does here.
const help = `Usage:
  ipvsadm -A|-E SERVICE [-s SCHEDULER] [-p [SECONDS]] [-M MASK] [--pe sip] [-b FLAGS] [-o]
  ipvsadm -D SERVICE
  ipvsadm -a|-e SERVICE -r SERVER [-g|-i|-m] [-w WEIGHT] [-x UPPER] [-y LOWER]
  ipvsadm -d SERVICE -r SERVER
  ipvsadm -L|-l [SERVICE] [-n] [-X] [--nosort] [--stats|--rate|--thresholds|--persistent-conn|--tun-info]
  ipvsadm -L -c [-n] [--persistent-conn]
  ipvsadm -L --timeout|--daemon
  ipvsadm -Z [SERVICE]
  ipvsadm -C
  ipvsadm -S [-n]
  ipvsadm -R
  ipvsadm --set TCP TCPFIN UDP
  ipvsadm -h|-v

Commands (the first option of a line):
  -A, --add-service       add a virtual service
  -E, --edit-service      set all of a virtual service's options anew
  -D, --delete-service    delete a virtual service; its connections stay
  -C, --clear             delete all virtual services
  -R, --restore           carry out the commands of standard input, one on each line
  -S, --save              print commands that -R understands (without thresholds)
  -a, --add-server        add a real server
  -e, --edit-server       set all of a real server's options anew
  -d, --delete-server     delete a real server
  -L, --list              list what there is; -l is the same
  -Z, --zero              count from zero again
      --set               set the time-outs, in seconds; 0 keeps one
      --start-daemon      start a connection sync daemon: not in this version
      --stop-daemon       stop it
  -h, --help              print this
  -v, --version           print the version

SERVICE, a virtual service:
  -t, --tcp-service HOST[:PORT]
  -u, --udp-service HOST[:PORT]
      --sctp-service HOST[:PORT]
  -f, --fwmark-service MARK

Options of services:
  -s, --scheduler NAME    rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh twos none; wlc if not given
  -p, --persistent [S]    keep a client with its server for S seconds, 360 if not given
  -M, --netmask MASK      clients that are one for -p
      --pe sip            tell clients apart by the SIP Call-ID
  -o, --ops               schedule each datagram on its own
  -b, --sched-flags LIST  sh-fallback sh-port mh-fallback mh-port flag-1 flag-2 flag-3

Options of servers:
  -r, --real-server HOST[:PORT]
  -g, --gatewaying        forward as it is (direct routing); if not given, this
  -i, --ipip              forward through a tunnel
  -m, --masquerading      forward with another destination (NAT)
  -w, --weight N          0: no new connections; 1 if not given
  -x, --u-threshold N     no new connections from N connections on
  -y, --l-threshold N     new connections again below N
      --tun-type TYPE     the tunnel: ipip, gue or gre; ipip if not given
      --tun-port PORT     where the server takes gue
      --tun-nocsum        gue and gre without a checksum, as if not given
      --tun-csum          with one
      --tun-remcsum       gue with one, and remote checksum offload

Options of listings:
  -n, --numeric           numbers instead of names
  -c, --connection        connections
  -X, --exact             counts in full
      --stats             counts of connections, packets and bytes
      --rate              the same per second
      --thresholds        thresholds
      --persistent-conn   how many clients are kept
      --tun-info          tunnels
      --timeout           the time-outs
      --daemon            the sync daemons
      --nosort            in the order of adding, servers with the last one first
`
