#!/bin/sh
# A balancer for `director bench paper --balancer=bench/peer/example.sh`: nftables' DNAT.
set -e
case $1 in
lacks) command -v nft >/dev/null || echo nft is not installed ;;
version) nft --version ;;
start)
	n=0; map=
	for s in $SERVERS; do map="$map$n : ${s%:*} . ${s#*:}, "; n=$((n+1)); done
	nft -f - <<END
table ip example {
	chain p {
		type nat hook prerouting priority dstnat;
		ip daddr ${SERVICE%:*} tcp dport ${SERVICE#*:} dnat ip to numgen inc mod $n map { ${map%, } }
	}
}
END
	;;
stop) nft delete table ip example ;;
esac
