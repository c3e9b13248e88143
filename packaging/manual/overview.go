package manual

// overview is director(7).
var overview = Overview{
	Summary: "how the director works and how it is operated",
	Sections: []Section{
		{Title: "DESCRIPTION", Items: [][2]string{
			{"", "The director is a Linux Virtual Server (IPVS) in userspace. Clients connect to a virtual address (VIP). For each new connection the director chooses a real server, and sends all packets of the connection there. It takes the rules of ipvsadm and does with a packet what the kernel's IPVS does."},
			{"", "It reads frames from the queues of network interfaces by AF_XDP or AF_PACKET. A program in the kernel gives it the frames that belong to a service. All others stay with the kernel: ARP, SSH, ping to the VIP, and the traffic of the host and of the real servers."},
		}},
		{Title: "TERMS", Items: [][2]string{
			{"service", "a VIP, a protocol and a port, or a firewall mark. It has a scheduler and real servers."},
			{"real server", "an address and a port that answers for the service, with a weight and a forwarding method. Weight 0 means: no new connections."},
			{"NAT (-m)", "destination address and port are rewritten. The real server's gateway is the director, which sees the answers."},
			{"direct routing (-g)", "only the Ethernet address is rewritten. The real server has the VIP as an address that does not answer ARP, and answers the client itself."},
			{"tunnelling (-i)", "the packet is sent to the real server inside another one: by IPIP, GUE or GRE. The server answers the client itself."},
			{"scheduler", "how a server is chosen: rr, wrr, lc, wlc, lblc, lblcr, dh, sh, sed, nq, fo, ovf, mh, twos, none"},
			{"persistence (-p)", "a client gets the same server as before. A template remembers it for the given seconds."},
			{"worker", "a thread that serves one queue of each interface, pinned to a CPU"},
		}},
		{Title: "FIRST STEPS", Items: [][2]string{
			{"1. director doctor", "examines the host and names what is missing, with the remedy"},
			{"2. /etc/director/director.flags", "at least --interface, and the rules"},
			{"3. director check --flagfile=/etc/director/director.flags", "checks the file"},
			{"4. systemctl enable --now director", "starts it. Rules that ipvsadm -S -n has printed can be copied into the file."},
		}},
		{Title: "CHANGES", Items: [][2]string{
			{"", "director ctl, or ipvsadm where the package has put that link, changes the rules at once. These changes are not written to the flags file. To make one permanent, edit the file and reload: systemctl reload director. A reload applies what differs in the file. It keeps other changes unless --reload-runtime=drop. director diff shows what differs from the file; director reload --drop-runtime drops it."},
		}},
		{Title: "WHAT IT DOES", Items: [][2]string{
			{"director ctl -Ln", "services, servers and connections, as ipvsadm lists them"},
			{"director top", "the same live, with workers, queues and drops"},
			{"director why", "where a packet goes, and why"},
			{"director capture", "frames as pcapng, with the director's reasons as comments"},
			{"http://127.0.0.1:9464/", "the status page, with alerts first; /metrics is for Prometheus, /healthz and /readyz are for monitoring"},
			{"journalctl -u director", "the log. --log-format=json makes it readable for programs."},
		}},
		{Title: "WHEN IT STOPS", Items: [][2]string{
			{"", "The director removes the VIPs and its programs, and the kernel has its interfaces back. After kill -9 the kernel does that itself, and VIPs expire within 60 seconds. With --state connections survive a restart, and changes at run time a crash."},
			{"", "The process drops all capabilities but CAP_NET_ADMIN when it forwards, and confines itself by seccomp and Landlock: it can start no program, and write only beside its control socket and its state file (--sandbox)."},
		}},
		{Title: "FILES", Items: [][2]string{
			{"/etc/director/director.flags", "flags and rules of director.service"},
			{"/run/director/control.sock", "the control socket"},
			{"/var/lib/director", "connections for the next director, and the journal of changes at run time"},
			{"/usr/share/doc/director", "README, changes, docs (metrics, drops, API, migration from IPVS), alert rules for Prometheus, and a Grafana dashboard"},
		}},
	},
}
