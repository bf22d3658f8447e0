package heartbeat

var Conceal = conceal
