package manual

// examples has a section for each verb that needs some. A term is a command line.
var examples = []Section{
	{Words: "director run", Title: "EXAMPLES", Items: [][2]string{
		{"director run --flagfile=/etc/director/director.flags", "forward in the foreground, as director.service does"},
		{"director run --interface=eth0,eth1 --cpus=2-5 --flagfile=rules", "two interfaces, workers on four CPUs, and the rules that ipvsadm -S -n has printed"},
		{"director run --io=packet --log-format=json --flagfile=rules", "use AF_PACKET, and log JSON"},
	}},
	{Words: "director check", Title: "EXAMPLES", Items: [][2]string{
		{"director check --flagfile=director.flags", "is the file right? Prints the effective configuration, which is a flags file, too."},
		{"ipvsadm -S -n | director check --interface=eth0 --flagfile=-", "can the director take over these rules?"},
	}},
	{Words: "director ctl", Title: "EXAMPLES", Items: [][2]string{
		{"director ctl -Ln --rate", "services and servers with their rates"},
		{"director ctl -e -t 192.0.2.10:80 -r 10.0.0.12:8080 -m -w 0", "give a server no new connections"},
		{"director ctl -S -n >rules", "save the rules; \"director ctl -R <rules\" adds them again, line by line"},
		{"director ctl --json -Ln | jq .services[].service", "the names of all services"},
	}},
	{Words: "director why", Title: "EXAMPLES", Items: [][2]string{
		{"director why tcp 198.51.100.7:40000 192.0.2.10:80", "which server would this client get, and why?"},
		{"director why --flags=A tcp 198.51.100.7:40000 192.0.2.10:80", "what becomes of a segment without a connection?"},
		{"director why --in=frames.pcapng", "explain a capture frame by frame"},
		{"director why --flagfile=rules tcp 198.51.100.7:1 192.0.2.10:80", "ask rules alone, on any machine"},
	}},
	{Words: "director capture", Title: "EXAMPLES", Items: [][2]string{
		{"director capture --out=frames.pcapng --client=198.51.100.7", "what the director does with the frames of one client"},
		{"director capture --out=- --verdict=drop | tshark -r - -T fields -e ip.src -e ip.dst -e frame.comment",
			"the dropped frames, each with its reason, which is in the comment of the frame"},
	}},
	{Words: "director doctor", Title: "EXAMPLES", Items: [][2]string{
		{"director doctor --flagfile=/etc/director/director.flags", "would run start here, and what would it lose?"},
		{"director doctor --json | jq '.findings[] | select(.level != \"ok\")'", "the problems alone, for programs"},
	}},
	{Words: "director top", Title: "EXAMPLES", Items: [][2]string{
		{"director top", "services, workers and drops, live; the key h shows the keys"},
	}},
	{Words: "director replay", Title: "EXAMPLES", Items: [][2]string{
		{"director replay --flagfile=host.flags --in=in.pcapng --out=out.pcapng", "which frames would a director with these flags have sent? The file has --interface, --link, --route and --neighbor too."},
	}},
	{Words: "director bench micro", Title: "EXAMPLES", Items: [][2]string{
		{"director bench micro --cpus=2-3 --only=^nat-in/hit", "packets per second and core of NAT, towards the servers"},
	}},
}
