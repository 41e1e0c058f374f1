ip netns add sb-20261122-211500-ab12cd-_router
ip -n sb-20261122-211500-ab12cd-_router link set dev lo up
ip netns exec sb-20261122-211500-ab12cd-_router sysctl -qw net.ipv4.conf.all.rp_filter='0'
ip netns exec sb-20261122-211500-ab12cd-_router sysctl -qw net.ipv4.conf.default.rp_filter='0'
ip netns exec sb-20261122-211500-ab12cd-_router sysctl -qw net.ipv6.conf.all.disable_ipv6='1'
ip netns exec sb-20261122-211500-ab12cd-_router sysctl -qw net.ipv6.conf.default.disable_ipv6='1'
ip netns exec sb-20261122-211500-ab12cd-_router sysctl -qw net.ipv4.ip_forward='1'
ip netns add sb-20261122-211500-ab12cd-_core
ip -n sb-20261122-211500-ab12cd-_core link set dev lo up
ip netns exec sb-20261122-211500-ab12cd-_core sysctl -qw net.ipv4.conf.all.rp_filter='0'
ip netns exec sb-20261122-211500-ab12cd-_core sysctl -qw net.ipv4.conf.default.rp_filter='0'
ip netns exec sb-20261122-211500-ab12cd-_core sysctl -qw net.ipv6.conf.all.disable_ipv6='1'
ip netns exec sb-20261122-211500-ab12cd-_core sysctl -qw net.ipv6.conf.default.disable_ipv6='1'
ip netns exec sb-20261122-211500-ab12cd-_core sysctl -qw net.ipv4.ip_forward='1'
ip netns add sb-20261122-211500-ab12cd-_trunk-west
ip -n sb-20261122-211500-ab12cd-_trunk-west link set dev lo up
ip netns exec sb-20261122-211500-ab12cd-_trunk-west sysctl -qw net.ipv4.conf.all.rp_filter='0'
ip netns exec sb-20261122-211500-ab12cd-_trunk-west sysctl -qw net.ipv4.conf.default.rp_filter='0'
ip netns exec sb-20261122-211500-ab12cd-_trunk-west sysctl -qw net.ipv6.conf.all.disable_ipv6='1'
ip netns exec sb-20261122-211500-ab12cd-_trunk-west sysctl -qw net.ipv6.conf.default.disable_ipv6='1'
ip netns exec sb-20261122-211500-ab12cd-_trunk-west sysctl -qw net.ipv4.ip_forward='1'
ip netns add left
ip -n left link set dev lo up
ip netns exec left sysctl -qw net.ipv4.conf.all.rp_filter='0'
ip netns exec left sysctl -qw net.ipv4.conf.default.rp_filter='0'
ip netns exec left sysctl -qw net.ipv6.conf.all.disable_ipv6='1'
ip netns exec left sysctl -qw net.ipv6.conf.default.disable_ipv6='1'
ip netns exec left sysctl -qw net.ipv4.tcp_timestamps='1'
ip netns exec left sysctl -qw net.ipv4.tcp_sack='1'
ip netns exec left sysctl -qw net.ipv4.tcp_window_scaling='1'
ip netns exec left sysctl -qw net.ipv4.tcp_ecn='0'
ip netns exec left sysctl -qw net.ipv4.tcp_slow_start_after_idle='1'
ip netns exec left sysctl -qw net.ipv4.tcp_no_metrics_save='1'
ip netns exec left sysctl -qw net.ipv4.tcp_comp_sack_nr='0'
ip netns exec left sysctl -qw net.ipv4.tcp_rmem='4096	131072	26000000'
ip netns exec left sysctl -qw net.ipv4.tcp_wmem='4096	131072	26000000'
ip netns exec left sysctl -qw net.ipv4.tcp_rto_min_us='400000'
ip netns add right
ip -n right link set dev lo up
ip netns exec right sysctl -qw net.ipv4.conf.all.rp_filter='0'
ip netns exec right sysctl -qw net.ipv4.conf.default.rp_filter='0'
ip netns exec right sysctl -qw net.ipv6.conf.all.disable_ipv6='1'
ip netns exec right sysctl -qw net.ipv6.conf.default.disable_ipv6='1'
ip netns exec right sysctl -qw net.ipv4.tcp_timestamps='1'
ip netns exec right sysctl -qw net.ipv4.tcp_sack='1'
ip netns exec right sysctl -qw net.ipv4.tcp_window_scaling='1'
ip netns exec right sysctl -qw net.ipv4.tcp_ecn='0'
ip netns exec right sysctl -qw net.ipv4.tcp_slow_start_after_idle='1'
ip netns exec right sysctl -qw net.ipv4.tcp_no_metrics_save='1'
ip netns exec right sysctl -qw net.ipv4.tcp_comp_sack_nr='0'
ip netns exec right sysctl -qw net.ipv4.tcp_rmem='4096	131072	26000000'
ip netns exec right sysctl -qw net.ipv4.tcp_wmem='4096	131072	26000000'
ip netns exec right sysctl -qw net.ipv4.tcp_rto_min_us='400000'
ip netns add cloud
ip -n cloud link set dev lo up
ip netns exec cloud sysctl -qw net.ipv4.conf.all.rp_filter='0'
ip netns exec cloud sysctl -qw net.ipv4.conf.default.rp_filter='0'
ip netns exec cloud sysctl -qw net.ipv6.conf.all.disable_ipv6='1'
ip netns exec cloud sysctl -qw net.ipv6.conf.default.disable_ipv6='1'
ip netns exec cloud sysctl -qw net.ipv4.tcp_timestamps='1'
ip netns exec cloud sysctl -qw net.ipv4.tcp_sack='1'
ip netns exec cloud sysctl -qw net.ipv4.tcp_window_scaling='1'
ip netns exec cloud sysctl -qw net.ipv4.tcp_ecn='0'
ip netns exec cloud sysctl -qw net.ipv4.tcp_slow_start_after_idle='1'
ip netns exec cloud sysctl -qw net.ipv4.tcp_no_metrics_save='1'
ip netns exec cloud sysctl -qw net.ipv4.tcp_comp_sack_nr='0'
ip netns exec cloud sysctl -qw net.ipv4.tcp_rmem='4096	131072	26000000'
ip netns exec cloud sysctl -qw net.ipv4.tcp_wmem='4096	131072	26000000'
ip netns exec cloud sysctl -qw net.ipv4.tcp_rto_min_us='400000'
ip -n sb-20261122-211500-ab12cd-_core link add name d0 address 02:5b:08:00:00:00 mtu 1500 type veth peer name up netns sb-20261122-211500-ab12cd-_trunk-west address 02:5b:07:00:00:00 mtu 1500
ip -n sb-20261122-211500-ab12cd-_router link add name e0 address 02:5b:02:00:00:00 mtu 1500 type veth peer name eth0 netns left address 02:5b:01:00:00:00 mtu 1500
ip -n sb-20261122-211500-ab12cd-_router link add name t0 address 02:5b:05:00:00:00 mtu 1500 type veth peer name a0 netns sb-20261122-211500-ab12cd-_trunk-west address 02:5b:06:00:00:00 mtu 1500
ip -n sb-20261122-211500-ab12cd-_core link add name c0 address 02:5b:03:00:00:00 mtu 1500 type veth peer name u0 netns cloud address 02:5b:04:00:00:00 mtu 1500
ip -n sb-20261122-211500-ab12cd-_router link add name e1 address 02:5b:02:00:00:01 mtu 1500 type veth peer name eth0 netns right address 02:5b:01:00:00:01 mtu 1500
ip -n sb-20261122-211500-ab12cd-_router link add name t1 address 02:5b:05:00:00:01 mtu 1500 type veth peer name a1 netns sb-20261122-211500-ab12cd-_trunk-west address 02:5b:06:00:00:01 mtu 1500
ip -n sb-20261122-211500-ab12cd-_core link add name c1 address 02:5b:03:00:00:01 mtu 1500 type veth peer name u1 netns cloud address 02:5b:04:00:00:01 mtu 1500
# west.uplink
tc -n sb-20261122-211500-ab12cd-_trunk-west qdisc add dev up root handle 1: htb default 2
tc -n sb-20261122-211500-ab12cd-_trunk-west class add dev up parent 1: classid 1:1 htb rate 20000000bit ceil 20000000bit burst 3653 cburst 3653 quantum 2500
tc -n sb-20261122-211500-ab12cd-_trunk-west class add dev up parent 1:1 classid 1:2 htb rate 2000bit ceil 200000bit burst 3029 cburst 3029 quantum 1514
tc -n sb-20261122-211500-ab12cd-_trunk-west qdisc add dev up parent 1:2 handle 10: bfifo limit 24224
tc -n sb-20261122-211500-ab12cd-_trunk-west class add dev up parent 1:1 classid 1:11 htb rate 2000000bit ceil 2000000bit burst 1666 cburst 1666 quantum 1514
tc -n sb-20261122-211500-ab12cd-_trunk-west qdisc add dev up parent 1:11 handle 11: bfifo limit 25000
tc -n sb-20261122-211500-ab12cd-_trunk-west class add dev up parent 1:1 classid 1:12 htb rate 6000000bit ceil 6000000bit burst 2400 cburst 2400 quantum 4542
tc -n sb-20261122-211500-ab12cd-_trunk-west qdisc add dev up parent 1:12 handle 12: bfifo limit 75000
tc -n sb-20261122-211500-ab12cd-_trunk-west class add dev up parent 1:1 classid 1:13 htb rate 12000000bit ceil 12000000bit burst 3403 cburst 3403 quantum 9084
tc -n sb-20261122-211500-ab12cd-_trunk-west qdisc add dev up parent 1:13 handle 13: bfifo limit 150000
tc -n sb-20261122-211500-ab12cd-_trunk-west filter add dev up parent 1: prio 1 handle 2: protocol ip u32 divisor 256
tc -n sb-20261122-211500-ab12cd-_trunk-west filter add dev up parent 1: prio 1 protocol ip u32 ht 2:88: match ip src 10.1.0.1 match u32 0x27100000 0xfffe0000 at 20 flowid 1:11
tc -n sb-20261122-211500-ab12cd-_trunk-west filter add dev up parent 1: prio 1 protocol ip u32 ht 2:89: match ip src 10.1.0.1 match u32 0x27120000 0xfffe0000 at 20 flowid 1:12
tc -n sb-20261122-211500-ab12cd-_trunk-west filter add dev up parent 1: prio 1 protocol ip u32 ht 2:88: match ip src 10.1.0.2 match u32 0x27100000 0xfffe0000 at 20 flowid 1:13
tc -n sb-20261122-211500-ab12cd-_trunk-west filter add dev up parent 1: prio 1 protocol ip u32 match ip protocol 6 0xff hashkey mask 0x01fe0000 at 20 link 2:
# west.downlink
tc -n sb-20261122-211500-ab12cd-_core qdisc add dev d0 root handle 1: htb default 1
tc -n sb-20261122-211500-ab12cd-_core class add dev d0 parent 1: classid 1:1 htb rate 20000000bit ceil 20000000bit burst 3653 cburst 3653 quantum 2500
tc -n sb-20261122-211500-ab12cd-_core qdisc add dev d0 parent 1:1 handle 10: bfifo limit 250000
# left.uplink
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev t0 root handle 1: htb default 2
tc -n sb-20261122-211500-ab12cd-_router class add dev t0 parent 1: classid 1:1 htb rate 10000000bit ceil 10000000bit burst 3341 cburst 3341 quantum 1514
tc -n sb-20261122-211500-ab12cd-_router class add dev t0 parent 1:1 classid 1:2 htb rate 2000000bit ceil 2000000bit burst 3091 cburst 3091 quantum 1514
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev t0 parent 1:2 handle 10: bfifo limit 25000
tc -n sb-20261122-211500-ab12cd-_router class add dev t0 parent 1:1 classid 1:11 htb rate 2000000bit ceil 2000000bit burst 1666 cburst 1666 quantum 1514
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev t0 parent 1:11 handle 11: bfifo limit 25000
tc -n sb-20261122-211500-ab12cd-_router class add dev t0 parent 1:1 classid 1:12 htb rate 6000000bit ceil 6000000bit burst 2400 cburst 2400 quantum 4542
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev t0 parent 1:12 handle 12: bfifo limit 75000
tc -n sb-20261122-211500-ab12cd-_router filter add dev t0 parent 1: prio 1 handle 2: protocol ip u32 divisor 256
tc -n sb-20261122-211500-ab12cd-_router filter add dev t0 parent 1: prio 1 protocol ip u32 ht 2:88: match ip src 10.1.0.1 match u32 0x27100000 0xfffe0000 at 20 flowid 1:11
tc -n sb-20261122-211500-ab12cd-_router filter add dev t0 parent 1: prio 1 protocol ip u32 ht 2:89: match ip src 10.1.0.1 match u32 0x27120000 0xfffe0000 at 20 flowid 1:12
tc -n sb-20261122-211500-ab12cd-_router filter add dev t0 parent 1: prio 1 protocol ip u32 match ip protocol 6 0xff hashkey mask 0x01fe0000 at 20 link 2:
# left.downlink
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev e0 root handle 1: htb default 1
tc -n sb-20261122-211500-ab12cd-_router class add dev e0 parent 1: classid 1:1 htb rate 500000000bit ceil 500000000bit burst 18653 cburst 18653 quantum 60000
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev e0 parent 1:1 handle 10: bfifo limit 6250000
# right.uplink
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev t1 root handle 1: htb default 2
tc -n sb-20261122-211500-ab12cd-_router class add dev t1 parent 1: classid 1:1 htb rate 150000000bit ceil 150000000bit burst 7716 cburst 7716 quantum 18750
tc -n sb-20261122-211500-ab12cd-_router class add dev t1 parent 1:1 classid 1:2 htb rate 138000000bit ceil 138000000bit burst 7341 cburst 7341 quantum 17411
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev t1 parent 1:2 handle 10: bfifo limit 1725000
tc -n sb-20261122-211500-ab12cd-_router class add dev t1 parent 1:1 classid 1:11 htb rate 12000000bit ceil 12000000bit burst 3403 cburst 3403 quantum 1514
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev t1 parent 1:11 handle 11: bfifo limit 150000
tc -n sb-20261122-211500-ab12cd-_router filter add dev t1 parent 1: prio 1 handle 2: protocol ip u32 divisor 256
tc -n sb-20261122-211500-ab12cd-_router filter add dev t1 parent 1: prio 1 protocol ip u32 ht 2:88: match ip src 10.1.0.2 match u32 0x27100000 0xfffe0000 at 20 flowid 1:11
tc -n sb-20261122-211500-ab12cd-_router filter add dev t1 parent 1: prio 1 protocol ip u32 match ip protocol 6 0xff hashkey mask 0x01fe0000 at 20 link 2:
# right.downlink
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev e1 root handle 1: htb default 1
tc -n sb-20261122-211500-ab12cd-_router class add dev e1 parent 1: classid 1:1 htb rate 500000000bit ceil 500000000bit burst 18653 cburst 18653 quantum 60000
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev e1 parent 1:1 handle 10: bfifo limit 6250000
ip -n sb-20261122-211500-ab12cd-_core link set dev d0 up
ip -n sb-20261122-211500-ab12cd-_trunk-west link set dev up up
ip -n sb-20261122-211500-ab12cd-_router link set dev e0 up
ip -n left address add 10.1.0.1/32 dev eth0
ip -n left link set dev eth0 up gso_max_segs 1
ip -n sb-20261122-211500-ab12cd-_router link set dev t0 up
ip -n sb-20261122-211500-ab12cd-_trunk-west link set dev a0 up
ip -n sb-20261122-211500-ab12cd-_core link set dev c0 up
ip -n cloud address add 10.2.0.1/32 dev u0
ip -n cloud link set dev u0 up gso_max_segs 1
ip -n sb-20261122-211500-ab12cd-_router link set dev e1 up
ip -n right address add 10.1.0.2/32 dev eth0
ip -n right link set dev eth0 up gso_max_segs 1
ip -n sb-20261122-211500-ab12cd-_router link set dev t1 up
ip -n sb-20261122-211500-ab12cd-_trunk-west link set dev a1 up
ip -n sb-20261122-211500-ab12cd-_core link set dev c1 up
ip -n cloud address add 10.2.0.2/32 dev u1
ip -n cloud link set dev u1 up gso_max_segs 1
ip -n sb-20261122-211500-ab12cd-_router neigh replace 10.1.0.1 lladdr 02:5b:01:00:00:00 nud permanent dev e0
ip -n sb-20261122-211500-ab12cd-_router route add 10.1.0.1 dev e0 scope link
ip -n sb-20261122-211500-ab12cd-_router neigh replace 10.2.0.1 lladdr 02:5b:06:00:00:00 nud permanent dev t0
ip -n sb-20261122-211500-ab12cd-_router route add 10.2.0.1 dev t0 scope link
ip -n sb-20261122-211500-ab12cd-_router neigh replace 10.1.0.2 lladdr 02:5b:01:00:00:01 nud permanent dev e1
ip -n sb-20261122-211500-ab12cd-_router route add 10.1.0.2 dev e1 scope link
ip -n sb-20261122-211500-ab12cd-_router neigh replace 10.2.0.2 lladdr 02:5b:06:00:00:01 nud permanent dev t1
ip -n sb-20261122-211500-ab12cd-_router route add 10.2.0.2 dev t1 scope link
ip -n sb-20261122-211500-ab12cd-_core neigh replace 10.1.0.1 lladdr 02:5b:07:00:00:00 nud permanent dev d0
ip -n sb-20261122-211500-ab12cd-_core route add 10.1.0.1 dev d0 scope link
ip -n sb-20261122-211500-ab12cd-_core neigh replace 10.2.0.1 lladdr 02:5b:04:00:00:00 nud permanent dev c0
ip -n sb-20261122-211500-ab12cd-_core route add 10.2.0.1 dev c0 scope link
ip -n sb-20261122-211500-ab12cd-_core neigh replace 10.1.0.2 lladdr 02:5b:07:00:00:00 nud permanent dev d0
ip -n sb-20261122-211500-ab12cd-_core route add 10.1.0.2 dev d0 scope link
ip -n sb-20261122-211500-ab12cd-_core neigh replace 10.2.0.2 lladdr 02:5b:04:00:00:01 nud permanent dev c1
ip -n sb-20261122-211500-ab12cd-_core route add 10.2.0.2 dev c1 scope link
ip -n sb-20261122-211500-ab12cd-_trunk-west neigh replace 10.1.0.1 lladdr 02:5b:05:00:00:00 nud permanent dev a0
ip -n sb-20261122-211500-ab12cd-_trunk-west route add 10.1.0.1 dev a0 scope link
ip -n sb-20261122-211500-ab12cd-_trunk-west neigh replace 10.2.0.1 lladdr 02:5b:08:00:00:00 nud permanent dev up
ip -n sb-20261122-211500-ab12cd-_trunk-west route add 10.2.0.1 dev up scope link
ip -n sb-20261122-211500-ab12cd-_trunk-west neigh replace 10.1.0.2 lladdr 02:5b:05:00:00:01 nud permanent dev a1
ip -n sb-20261122-211500-ab12cd-_trunk-west route add 10.1.0.2 dev a1 scope link
ip -n sb-20261122-211500-ab12cd-_trunk-west neigh replace 10.2.0.2 lladdr 02:5b:08:00:00:00 nud permanent dev up
ip -n sb-20261122-211500-ab12cd-_trunk-west route add 10.2.0.2 dev up scope link
ip -n left neigh replace 10.2.0.1 lladdr 02:5b:02:00:00:00 nud permanent dev eth0
ip -n left route add 10.2.0.1 dev eth0 scope link src 10.1.0.1 quickack 1 congctl reno
ip -n right neigh replace 10.2.0.2 lladdr 02:5b:02:00:00:01 nud permanent dev eth0
ip -n right route add 10.2.0.2 dev eth0 scope link src 10.1.0.2 quickack 1 congctl reno
ip -n cloud neigh replace 10.1.0.1 lladdr 02:5b:03:00:00:00 nud permanent dev u0
ip -n cloud route add 10.1.0.1 dev u0 scope link src 10.2.0.1 quickack 1 congctl reno
ip -n cloud neigh replace 10.1.0.2 lladdr 02:5b:03:00:00:01 nud permanent dev u1
ip -n cloud route add 10.1.0.2 dev u1 scope link src 10.2.0.2 quickack 1 congctl reno
