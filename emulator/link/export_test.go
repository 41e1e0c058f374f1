package link

// MakeNS makes the namespaces that stand for nodes in tests.
var MakeNS = makeNS
