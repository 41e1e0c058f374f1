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
ip netns add sb-20261122-211500-ab12cd-_trunk-core
ip -n sb-20261122-211500-ab12cd-_trunk-core link set dev lo up
ip netns exec sb-20261122-211500-ab12cd-_trunk-core sysctl -qw net.ipv4.conf.all.rp_filter='0'
ip netns exec sb-20261122-211500-ab12cd-_trunk-core sysctl -qw net.ipv4.conf.default.rp_filter='0'
ip netns exec sb-20261122-211500-ab12cd-_trunk-core sysctl -qw net.ipv6.conf.all.disable_ipv6='1'
ip netns exec sb-20261122-211500-ab12cd-_trunk-core sysctl -qw net.ipv6.conf.default.disable_ipv6='1'
ip netns exec sb-20261122-211500-ab12cd-_trunk-core sysctl -qw net.ipv4.ip_forward='1'
ip netns add far
ip -n far link set dev lo up
ip netns exec far sysctl -qw net.ipv4.conf.all.rp_filter='0'
ip netns exec far sysctl -qw net.ipv4.conf.default.rp_filter='0'
ip netns exec far sysctl -qw net.ipv6.conf.all.disable_ipv6='1'
ip netns exec far sysctl -qw net.ipv6.conf.default.disable_ipv6='1'
ip netns exec far sysctl -qw net.ipv4.tcp_timestamps='1'
ip netns exec far sysctl -qw net.ipv4.tcp_sack='1'
ip netns exec far sysctl -qw net.ipv4.tcp_window_scaling='1'
ip netns exec far sysctl -qw net.ipv4.tcp_ecn='0'
ip netns exec far sysctl -qw net.ipv4.tcp_slow_start_after_idle='1'
ip netns exec far sysctl -qw net.ipv4.tcp_no_metrics_save='1'
ip netns exec far sysctl -qw net.ipv4.tcp_comp_sack_nr='0'
ip netns exec far sysctl -qw net.ipv4.tcp_rmem='4096	131072	34100000'
ip netns exec far sysctl -qw net.ipv4.tcp_wmem='4096	131072	34100000'
ip netns exec far sysctl -qw net.ipv4.tcp_rto_min_us='400000'
ip netns add near
ip -n near link set dev lo up
ip netns exec near sysctl -qw net.ipv4.conf.all.rp_filter='0'
ip netns exec near sysctl -qw net.ipv4.conf.default.rp_filter='0'
ip netns exec near sysctl -qw net.ipv6.conf.all.disable_ipv6='1'
ip netns exec near sysctl -qw net.ipv6.conf.default.disable_ipv6='1'
ip netns exec near sysctl -qw net.ipv4.tcp_timestamps='1'
ip netns exec near sysctl -qw net.ipv4.tcp_sack='1'
ip netns exec near sysctl -qw net.ipv4.tcp_window_scaling='1'
ip netns exec near sysctl -qw net.ipv4.tcp_ecn='0'
ip netns exec near sysctl -qw net.ipv4.tcp_slow_start_after_idle='1'
ip netns exec near sysctl -qw net.ipv4.tcp_no_metrics_save='1'
ip netns exec near sysctl -qw net.ipv4.tcp_comp_sack_nr='0'
ip netns exec near sysctl -qw net.ipv4.tcp_rmem='4096	131072	34100000'
ip netns exec near sysctl -qw net.ipv4.tcp_wmem='4096	131072	34100000'
ip netns exec near sysctl -qw net.ipv4.tcp_rto_min_us='400000'
ip netns add direct
ip -n direct link set dev lo up
ip netns exec direct sysctl -qw net.ipv4.conf.all.rp_filter='0'
ip netns exec direct sysctl -qw net.ipv4.conf.default.rp_filter='0'
ip netns exec direct sysctl -qw net.ipv6.conf.all.disable_ipv6='1'
ip netns exec direct sysctl -qw net.ipv6.conf.default.disable_ipv6='1'
ip netns exec direct sysctl -qw net.ipv4.tcp_timestamps='1'
ip netns exec direct sysctl -qw net.ipv4.tcp_sack='1'
ip netns exec direct sysctl -qw net.ipv4.tcp_window_scaling='1'
ip netns exec direct sysctl -qw net.ipv4.tcp_ecn='0'
ip netns exec direct sysctl -qw net.ipv4.tcp_slow_start_after_idle='1'
ip netns exec direct sysctl -qw net.ipv4.tcp_no_metrics_save='1'
ip netns exec direct sysctl -qw net.ipv4.tcp_comp_sack_nr='0'
ip netns exec direct sysctl -qw net.ipv4.tcp_rmem='4096	131072	34100000'
ip netns exec direct sysctl -qw net.ipv4.tcp_wmem='4096	131072	34100000'
ip netns exec direct sysctl -qw net.ipv4.tcp_rto_min_us='400000'
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
ip netns exec cloud sysctl -qw net.ipv4.tcp_rmem='4096	131072	34100000'
ip netns exec cloud sysctl -qw net.ipv4.tcp_wmem='4096	131072	34100000'
ip netns exec cloud sysctl -qw net.ipv4.tcp_rto_min_us='400000'
ip -n sb-20261122-211500-ab12cd-_trunk-core link add name d0 address 02:5b:08:00:00:00 mtu 1500 type veth peer name up netns sb-20261122-211500-ab12cd-_trunk-west address 02:5b:07:00:00:00 mtu 1500
ip -n sb-20261122-211500-ab12cd-_core link add name d1 address 02:5b:08:00:00:01 mtu 1500 type veth peer name up netns sb-20261122-211500-ab12cd-_trunk-core address 02:5b:07:00:00:01 mtu 1500
ip -n sb-20261122-211500-ab12cd-_router link add name e0 address 02:5b:02:00:00:00 mtu 1500 type veth peer name eth0 netns far address 02:5b:01:00:00:00 mtu 1500
ip -n sb-20261122-211500-ab12cd-_router link add name t0 address 02:5b:05:00:00:00 mtu 1500 type veth peer name a0 netns sb-20261122-211500-ab12cd-_trunk-west address 02:5b:06:00:00:00 mtu 1500
ip -n sb-20261122-211500-ab12cd-_core link add name c0 address 02:5b:03:00:00:00 mtu 1500 type veth peer name u0 netns cloud address 02:5b:04:00:00:00 mtu 1500
ip -n sb-20261122-211500-ab12cd-_router link add name e1 address 02:5b:02:00:00:01 mtu 1500 type veth peer name eth0 netns near address 02:5b:01:00:00:01 mtu 1500
ip -n sb-20261122-211500-ab12cd-_router link add name t1 address 02:5b:05:00:00:01 mtu 1500 type veth peer name a1 netns sb-20261122-211500-ab12cd-_trunk-core address 02:5b:06:00:00:01 mtu 1500
ip -n sb-20261122-211500-ab12cd-_core link add name c1 address 02:5b:03:00:00:01 mtu 1500 type veth peer name u1 netns cloud address 02:5b:04:00:00:01 mtu 1500
ip -n sb-20261122-211500-ab12cd-_router link add name e2 address 02:5b:02:00:00:02 mtu 1500 type veth peer name eth0 netns direct address 02:5b:01:00:00:02 mtu 1500
ip -n sb-20261122-211500-ab12cd-_router link add name c2 address 02:5b:03:00:00:02 mtu 1500 type veth peer name u2 netns cloud address 02:5b:04:00:00:02 mtu 1500
# west.uplink
tc -n sb-20261122-211500-ab12cd-_trunk-west qdisc add dev up root handle 1: htb default 1
tc -n sb-20261122-211500-ab12cd-_trunk-west class add dev up parent 1: classid 1:1 htb rate 20000000bit ceil 20000000bit burst 2000 cburst 2000 quantum 2500
tc -n sb-20261122-211500-ab12cd-_trunk-west qdisc add dev up parent 1:1 handle 10: bfifo limit 250000
# west.downlink
tc -n sb-20261122-211500-ab12cd-_trunk-core qdisc add dev d0 root handle 1: htb default 1
tc -n sb-20261122-211500-ab12cd-_trunk-core class add dev d0 parent 1: classid 1:1 htb rate 20000000bit ceil 20000000bit burst 3653 cburst 3653 quantum 2500
tc -n sb-20261122-211500-ab12cd-_trunk-core qdisc add dev d0 parent 1:1 handle 10: bfifo limit 250000
# core.uplink
tc -n sb-20261122-211500-ab12cd-_trunk-core qdisc add dev up root handle 1: htb default 1
tc -n sb-20261122-211500-ab12cd-_trunk-core class add dev up parent 1: classid 1:1 htb rate 150000000bit ceil 150000000bit burst 2000 cburst 2000 quantum 18750
tc -n sb-20261122-211500-ab12cd-_trunk-core qdisc add dev up parent 1:1 handle 10: bfifo limit 1875000
# core.downlink
tc -n sb-20261122-211500-ab12cd-_core qdisc add dev d1 root handle 1: htb default 1
tc -n sb-20261122-211500-ab12cd-_core class add dev d1 parent 1: classid 1:1 htb rate 150000000bit ceil 150000000bit burst 7716 cburst 7716 quantum 18750
tc -n sb-20261122-211500-ab12cd-_core qdisc add dev d1 parent 1:1 handle 10: bfifo limit 1875000
# far.uplink
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev t0 root handle 1: htb default 1
tc -n sb-20261122-211500-ab12cd-_router class add dev t0 parent 1: classid 1:1 htb rate 10000000bit ceil 10000000bit burst 2000 cburst 2000 quantum 1514
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev t0 parent 1:1 handle 10: bfifo limit 125000
tc -n far qdisc add dev eth0 root handle 1: netem limit 85228 delay 30000000ns
# far.downlink
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev e0 root handle 1: htb default 1
tc -n sb-20261122-211500-ab12cd-_router class add dev e0 parent 1: classid 1:1 htb rate 500000000bit ceil 500000000bit burst 18653 cburst 18653 quantum 60000
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev e0 parent 1:1 handle 10: bfifo limit 6250000
tc -n cloud qdisc add dev u0 root handle 1: netem limit 310607 delay 30000000ns
# near.uplink
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev t1 root handle 1: htb default 1
tc -n sb-20261122-211500-ab12cd-_router class add dev t1 parent 1: classid 1:1 htb rate 25000000bit ceil 25000000bit burst 3810 cburst 3810 quantum 3125
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev t1 parent 1:1 handle 10: bfifo limit 312500
# near.downlink
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev e1 root handle 1: htb default 1
tc -n sb-20261122-211500-ab12cd-_router class add dev e1 parent 1: classid 1:1 htb rate 500000000bit ceil 500000000bit burst 18653 cburst 18653 quantum 60000
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev e1 parent 1:1 handle 10: bfifo limit 6250000
# direct.uplink
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev c2 root handle 1: htb default 1
tc -n sb-20261122-211500-ab12cd-_router class add dev c2 parent 1: classid 1:1 htb rate 500000000bit ceil 500000000bit burst 18653 cburst 18653 quantum 60000
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev c2 parent 1:1 handle 10: bfifo limit 6250000
# direct.downlink
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev e2 root handle 1: htb default 1
tc -n sb-20261122-211500-ab12cd-_router class add dev e2 parent 1: classid 1:1 htb rate 500000000bit ceil 500000000bit burst 18653 cburst 18653 quantum 60000
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev e2 parent 1:1 handle 10: bfifo limit 6250000
ip -n sb-20261122-211500-ab12cd-_trunk-core link set dev d0 up
ip -n sb-20261122-211500-ab12cd-_trunk-west link set dev up up
ip -n sb-20261122-211500-ab12cd-_core link set dev d1 up
ip -n sb-20261122-211500-ab12cd-_trunk-core link set dev up up
ip -n sb-20261122-211500-ab12cd-_router link set dev e0 up
ip -n far address add 10.1.0.1/32 dev eth0
ip -n far link set dev eth0 up gso_max_segs 1
ip -n sb-20261122-211500-ab12cd-_router link set dev t0 up
ip -n sb-20261122-211500-ab12cd-_trunk-west link set dev a0 up
ip -n sb-20261122-211500-ab12cd-_core link set dev c0 up
ip -n cloud address add 10.2.0.1/32 dev u0
ip -n cloud link set dev u0 up gso_max_segs 1
ip -n sb-20261122-211500-ab12cd-_router link set dev e1 up
ip -n near address add 10.1.0.2/32 dev eth0
ip -n near link set dev eth0 up gso_max_segs 1
ip -n sb-20261122-211500-ab12cd-_router link set dev t1 up
ip -n sb-20261122-211500-ab12cd-_trunk-core link set dev a1 up
ip -n sb-20261122-211500-ab12cd-_core link set dev c1 up
ip -n cloud address add 10.2.0.2/32 dev u1
ip -n cloud link set dev u1 up gso_max_segs 1
ip -n sb-20261122-211500-ab12cd-_router link set dev e2 up
ip -n direct address add 10.1.0.3/32 dev eth0
ip -n direct link set dev eth0 up
ip -n sb-20261122-211500-ab12cd-_router link set dev c2 up
ip -n cloud address add 10.2.0.3/32 dev u2
ip -n cloud link set dev u2 up
ip -n sb-20261122-211500-ab12cd-_router neigh replace 10.1.0.1 lladdr 02:5b:01:00:00:00 nud permanent dev e0
ip -n sb-20261122-211500-ab12cd-_router route add 10.1.0.1 dev e0 scope link
ip -n sb-20261122-211500-ab12cd-_router neigh replace 10.2.0.1 lladdr 02:5b:06:00:00:00 nud permanent dev t0
ip -n sb-20261122-211500-ab12cd-_router route add 10.2.0.1 dev t0 scope link
ip -n sb-20261122-211500-ab12cd-_router neigh replace 10.1.0.2 lladdr 02:5b:01:00:00:01 nud permanent dev e1
ip -n sb-20261122-211500-ab12cd-_router route add 10.1.0.2 dev e1 scope link
ip -n sb-20261122-211500-ab12cd-_router neigh replace 10.2.0.2 lladdr 02:5b:06:00:00:01 nud permanent dev t1
ip -n sb-20261122-211500-ab12cd-_router route add 10.2.0.2 dev t1 scope link
ip -n sb-20261122-211500-ab12cd-_router neigh replace 10.1.0.3 lladdr 02:5b:01:00:00:02 nud permanent dev e2
ip -n sb-20261122-211500-ab12cd-_router route add 10.1.0.3 dev e2 scope link
ip -n sb-20261122-211500-ab12cd-_router neigh replace 10.2.0.3 lladdr 02:5b:04:00:00:02 nud permanent dev c2
ip -n sb-20261122-211500-ab12cd-_router route add 10.2.0.3 dev c2 scope link
ip -n sb-20261122-211500-ab12cd-_core neigh replace 10.1.0.1 lladdr 02:5b:07:00:00:01 nud permanent dev d1
ip -n sb-20261122-211500-ab12cd-_core route add 10.1.0.1 dev d1 scope link
ip -n sb-20261122-211500-ab12cd-_core neigh replace 10.2.0.1 lladdr 02:5b:04:00:00:00 nud permanent dev c0
ip -n sb-20261122-211500-ab12cd-_core route add 10.2.0.1 dev c0 scope link
ip -n sb-20261122-211500-ab12cd-_core neigh replace 10.1.0.2 lladdr 02:5b:07:00:00:01 nud permanent dev d1
ip -n sb-20261122-211500-ab12cd-_core route add 10.1.0.2 dev d1 scope link
ip -n sb-20261122-211500-ab12cd-_core neigh replace 10.2.0.2 lladdr 02:5b:04:00:00:01 nud permanent dev c1
ip -n sb-20261122-211500-ab12cd-_core route add 10.2.0.2 dev c1 scope link
ip -n sb-20261122-211500-ab12cd-_trunk-west neigh replace 10.1.0.1 lladdr 02:5b:05:00:00:00 nud permanent dev a0
ip -n sb-20261122-211500-ab12cd-_trunk-west route add 10.1.0.1 dev a0 scope link
ip -n sb-20261122-211500-ab12cd-_trunk-west neigh replace 10.2.0.1 lladdr 02:5b:08:00:00:00 nud permanent dev up
ip -n sb-20261122-211500-ab12cd-_trunk-west route add 10.2.0.1 dev up scope link
ip -n sb-20261122-211500-ab12cd-_trunk-core neigh replace 10.1.0.1 lladdr 02:5b:07:00:00:00 nud permanent dev d0
ip -n sb-20261122-211500-ab12cd-_trunk-core route add 10.1.0.1 dev d0 scope link
ip -n sb-20261122-211500-ab12cd-_trunk-core neigh replace 10.2.0.1 lladdr 02:5b:08:00:00:01 nud permanent dev up
ip -n sb-20261122-211500-ab12cd-_trunk-core route add 10.2.0.1 dev up scope link
ip -n sb-20261122-211500-ab12cd-_trunk-core neigh replace 10.1.0.2 lladdr 02:5b:05:00:00:01 nud permanent dev a1
ip -n sb-20261122-211500-ab12cd-_trunk-core route add 10.1.0.2 dev a1 scope link
ip -n sb-20261122-211500-ab12cd-_trunk-core neigh replace 10.2.0.2 lladdr 02:5b:08:00:00:01 nud permanent dev up
ip -n sb-20261122-211500-ab12cd-_trunk-core route add 10.2.0.2 dev up scope link
ip -n far neigh replace 10.2.0.1 lladdr 02:5b:02:00:00:00 nud permanent dev eth0
ip -n far route add 10.2.0.1 dev eth0 scope link src 10.1.0.1 quickack 1 congctl reno
ip -n near neigh replace 10.2.0.2 lladdr 02:5b:02:00:00:01 nud permanent dev eth0
ip -n near route add 10.2.0.2 dev eth0 scope link src 10.1.0.2 quickack 1 congctl reno
ip -n direct neigh replace 10.2.0.3 lladdr 02:5b:02:00:00:02 nud permanent dev eth0
ip -n direct route add 10.2.0.3 dev eth0 scope link src 10.1.0.3 quickack 1 congctl reno
ip -n cloud neigh replace 10.1.0.1 lladdr 02:5b:03:00:00:00 nud permanent dev u0
ip -n cloud route add 10.1.0.1 dev u0 scope link src 10.2.0.1 quickack 1 congctl reno
ip -n cloud neigh replace 10.1.0.2 lladdr 02:5b:03:00:00:01 nud permanent dev u1
ip -n cloud route add 10.1.0.2 dev u1 scope link src 10.2.0.2 quickack 1 congctl reno
ip -n cloud neigh replace 10.1.0.3 lladdr 02:5b:03:00:00:02 nud permanent dev u2
ip -n cloud route add 10.1.0.3 dev u2 scope link src 10.2.0.3 quickack 1 congctl reno
