ip netns add sb-20261122-211500-ab12cd-_router
ip -n sb-20261122-211500-ab12cd-_router link set dev lo up
ip netns exec sb-20261122-211500-ab12cd-_router sysctl -qw net.ipv4.conf.all.rp_filter='0'
ip netns exec sb-20261122-211500-ab12cd-_router sysctl -qw net.ipv4.conf.default.rp_filter='0'
ip netns exec sb-20261122-211500-ab12cd-_router sysctl -qw net.ipv6.conf.all.disable_ipv6='1'
ip netns exec sb-20261122-211500-ab12cd-_router sysctl -qw net.ipv6.conf.default.disable_ipv6='1'
ip netns exec sb-20261122-211500-ab12cd-_router sysctl -qw net.ipv4.ip_forward='1'
ip netns add gw-a
ip -n gw-a link set dev lo up
ip netns exec gw-a sysctl -qw net.ipv4.conf.all.rp_filter='0'
ip netns exec gw-a sysctl -qw net.ipv4.conf.default.rp_filter='0'
ip netns exec gw-a sysctl -qw net.ipv6.conf.all.disable_ipv6='1'
ip netns exec gw-a sysctl -qw net.ipv6.conf.default.disable_ipv6='1'
ip netns exec gw-a sysctl -qw net.ipv4.tcp_timestamps='1'
ip netns exec gw-a sysctl -qw net.ipv4.tcp_sack='1'
ip netns exec gw-a sysctl -qw net.ipv4.tcp_window_scaling='1'
ip netns exec gw-a sysctl -qw net.ipv4.tcp_ecn='0'
ip netns exec gw-a sysctl -qw net.ipv4.tcp_slow_start_after_idle='1'
ip netns exec gw-a sysctl -qw net.ipv4.tcp_no_metrics_save='1'
ip netns exec gw-a sysctl -qw net.ipv4.tcp_comp_sack_nr='0'
ip netns exec gw-a sysctl -qw net.ipv4.tcp_rmem='4096	131072	58000000'
ip netns exec gw-a sysctl -qw net.ipv4.tcp_wmem='4096	131072	58000000'
ip netns exec gw-a sysctl -qw net.ipv4.tcp_rto_min_us='400000'
ip netns add gw-b
ip -n gw-b link set dev lo up
ip netns exec gw-b sysctl -qw net.ipv4.conf.all.rp_filter='0'
ip netns exec gw-b sysctl -qw net.ipv4.conf.default.rp_filter='0'
ip netns exec gw-b sysctl -qw net.ipv6.conf.all.disable_ipv6='1'
ip netns exec gw-b sysctl -qw net.ipv6.conf.default.disable_ipv6='1'
ip netns exec gw-b sysctl -qw net.ipv4.tcp_timestamps='1'
ip netns exec gw-b sysctl -qw net.ipv4.tcp_sack='1'
ip netns exec gw-b sysctl -qw net.ipv4.tcp_window_scaling='1'
ip netns exec gw-b sysctl -qw net.ipv4.tcp_ecn='0'
ip netns exec gw-b sysctl -qw net.ipv4.tcp_slow_start_after_idle='1'
ip netns exec gw-b sysctl -qw net.ipv4.tcp_no_metrics_save='1'
ip netns exec gw-b sysctl -qw net.ipv4.tcp_comp_sack_nr='0'
ip netns exec gw-b sysctl -qw net.ipv4.tcp_rmem='4096	131072	58000000'
ip netns exec gw-b sysctl -qw net.ipv4.tcp_wmem='4096	131072	58000000'
ip netns exec gw-b sysctl -qw net.ipv4.tcp_rto_min_us='400000'
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
ip netns exec cloud sysctl -qw net.ipv4.tcp_rmem='4096	131072	58000000'
ip netns exec cloud sysctl -qw net.ipv4.tcp_wmem='4096	131072	58000000'
ip netns exec cloud sysctl -qw net.ipv4.tcp_rto_min_us='400000'
ip -n sb-20261122-211500-ab12cd-_router link add name e0 address 02:5b:02:00:00:00 mtu 1500 type veth peer name eth0 netns gw-a address 02:5b:01:00:00:00 mtu 1500
ip -n sb-20261122-211500-ab12cd-_router link add name c0 address 02:5b:03:00:00:00 mtu 1500 type veth peer name u0 netns cloud address 02:5b:04:00:00:00 mtu 1500
ip -n sb-20261122-211500-ab12cd-_router link add name e1 address 02:5b:02:00:00:01 mtu 1500 type veth peer name eth0 netns gw-b address 02:5b:01:00:00:01 mtu 1500
ip -n sb-20261122-211500-ab12cd-_router link add name c1 address 02:5b:03:00:00:01 mtu 1500 type veth peer name u1 netns cloud address 02:5b:04:00:00:01 mtu 1500
# gw-a.uplink
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev c0 root handle 1: htb default 1
tc -n sb-20261122-211500-ab12cd-_router class add dev c0 parent 1: classid 1:1 htb rate 5000000bit ceil 5000000bit burst 1666 cburst 1666 quantum 1514
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev c0 parent 1:1 handle 10: bfifo limit 62500
tc -n gw-a qdisc add dev eth0 root handle 1: netem limit 3258 delay 60000000ns 4000000ns distribution normal rate 1000000000000bit loss 0.1%
# gw-a.downlink
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev e0 root handle 1: htb default 1
tc -n sb-20261122-211500-ab12cd-_router class add dev e0 parent 1: classid 1:1 htb rate 500000000bit ceil 500000000bit burst 18653 cburst 18653 quantum 60000
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev e0 parent 1:1 handle 10: bfifo limit 6250000
tc -n cloud qdisc add dev u0 root handle 1: netem limit 303031 delay 60000000ns
# gw-b.uplink
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev c1 root handle 1: htb default 1
tc -n sb-20261122-211500-ab12cd-_router class add dev c1 parent 1: classid 1:1 htb rate 25000000bit ceil 25000000bit burst 3810 cburst 3810 quantum 3125
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev c1 parent 1:1 handle 10: bfifo limit 125000
# gw-b.downlink
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev e1 root handle 1: htb default 1
tc -n sb-20261122-211500-ab12cd-_router class add dev e1 parent 1: classid 1:1 htb rate 50000000bit ceil 50000000bit burst 4591 cburst 4591 quantum 6250
tc -n sb-20261122-211500-ab12cd-_router qdisc add dev e1 parent 1:1 handle 10: bfifo limit 625000
ip -n sb-20261122-211500-ab12cd-_router link set dev e0 up
ip -n gw-a address add 10.1.0.1/32 dev eth0
ip -n gw-a link set dev eth0 up gso_max_segs 1
ip -n sb-20261122-211500-ab12cd-_router link set dev c0 up
ip -n cloud address add 10.2.0.1/32 dev u0
ip -n cloud link set dev u0 up
ip -n sb-20261122-211500-ab12cd-_router link set dev e1 up
ip -n gw-b address add 10.1.0.2/32 dev eth0
ip -n gw-b link set dev eth0 up gso_max_segs 1
ip -n sb-20261122-211500-ab12cd-_router link set dev c1 up
ip -n cloud address add 10.2.0.2/32 dev u1
ip -n cloud link set dev u1 up gso_max_segs 1
ip -n sb-20261122-211500-ab12cd-_router neigh replace 10.1.0.1 lladdr 02:5b:01:00:00:00 nud permanent dev e0
ip -n sb-20261122-211500-ab12cd-_router route add 10.1.0.1 dev e0 scope link
ip -n sb-20261122-211500-ab12cd-_router neigh replace 10.2.0.1 lladdr 02:5b:04:00:00:00 nud permanent dev c0
ip -n sb-20261122-211500-ab12cd-_router route add 10.2.0.1 dev c0 scope link
ip -n sb-20261122-211500-ab12cd-_router neigh replace 10.1.0.2 lladdr 02:5b:01:00:00:01 nud permanent dev e1
ip -n sb-20261122-211500-ab12cd-_router route add 10.1.0.2 dev e1 scope link
ip -n sb-20261122-211500-ab12cd-_router neigh replace 10.2.0.2 lladdr 02:5b:04:00:00:01 nud permanent dev c1
ip -n sb-20261122-211500-ab12cd-_router route add 10.2.0.2 dev c1 scope link
ip -n gw-a neigh replace 10.2.0.1 lladdr 02:5b:02:00:00:00 nud permanent dev eth0
ip -n gw-a route add 10.2.0.1 dev eth0 scope link src 10.1.0.1 quickack 1 congctl reno
ip -n gw-b neigh replace 10.2.0.2 lladdr 02:5b:02:00:00:01 nud permanent dev eth0
ip -n gw-b route add 10.2.0.2 dev eth0 scope link src 10.1.0.2 quickack 1 congctl reno
ip -n cloud neigh replace 10.1.0.1 lladdr 02:5b:03:00:00:00 nud permanent dev u0
ip -n cloud route add 10.1.0.1 dev u0 scope link src 10.2.0.1 quickack 1 congctl reno
ip -n cloud neigh replace 10.1.0.2 lladdr 02:5b:03:00:00:01 nud permanent dev u1
ip -n cloud route add 10.1.0.2 dev u1 scope link src 10.2.0.2 quickack 1 congctl reno
