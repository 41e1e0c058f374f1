"""A star in Mininet: edges around a router, with the cloud behind it.

    mininet_star.py MBPS EDGES

builds it and prints a line of JSON: {"built": seconds, "nodes": {name: {"pid": …, "ways": {name: [local, remote]}}}}. At the
end of its input it removes it and prints {"removed": seconds}.
"""

import json
import sys
import time

import mininet.net
from mininet.link import Link, TCLink
from mininet.node import Node

# Mininet raises limits of the whole host when it starts. Nothing here needs them.
mininet.net.fixLimits = lambda: None

CLOUD = "10.1.0.2"


def build(mbps, edges):
    net = mininet.net.Mininet(controller=None, build=False)
    router = net.addHost("router", cls=Node, ip=None)
    router.cmd("sysctl -qw net.ipv4.ip_forward=1")
    nodes = {"cloud": net.addHost("cloud", ip=None)}
    ways = {"cloud": {}}
    link = net.addLink(router, nodes["cloud"], cls=Link)
    router.setIP("10.1.0.1", 24, link.intf1)
    nodes["cloud"].setIP(CLOUD, 24, link.intf2)
    nodes["cloud"].setDefaultRoute("via 10.1.0.1")
    for i in range(edges):
        name = "gw-%d" % i
        subnet = "10.0.%d." % (i // 64)
        gateway, own = 4 * (i % 64) + 1, 4 * (i % 64) + 2
        nodes[name] = net.addHost(name, ip=None)
        link = net.addLink(nodes[name], router, cls=TCLink, bw=mbps)
        nodes[name].setIP(subnet + str(own), 30, link.intf1)
        router.setIP(subnet + str(gateway), 30, link.intf2)
        nodes[name].setDefaultRoute("via " + subnet + str(gateway))
        ways[name] = {"cloud": [subnet + str(own), CLOUD]}
        ways["cloud"][name] = [CLOUD, subnet + str(own)]
    net.start()
    return net, {name: {"pid": node.pid, "ways": ways[name]} for name, node in nodes.items()}


def main():
    mbps, edges = float(sys.argv[1]), int(sys.argv[2])
    started = time.monotonic()
    net, nodes = build(mbps, edges)
    print(json.dumps({"built": time.monotonic() - started, "nodes": nodes}), flush=True)
    sys.stdin.read()
    started = time.monotonic()
    net.stop()
    print(json.dumps({"removed": time.monotonic() - started}), flush=True)


if __name__ == "__main__":
    main()
