package presence_test

import (
	"slices"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
)

const (
	second = time.Second
	minute = time.Minute
	hour   = time.Hour
	day    = 24 * time.Hour
)

// chapter is what happens to a scene, and what is to be said of it then: of all conditions,
// so that nothing else is raised beside it.
type chapter struct {
	name  string
	nodes []string // none is one
	// newborn is a scene that begins with no past.
	newborn bool
	happens func(*scene)
	want    string
	// unseen is a code, and a part of why it cannot be judged.
	unseen [2]string
}

var two = []string{"Alpha", "Beta"}

func first(s *scene) *actor { return s.nodes[0] }

var chapters = []chapter{
	{name: "healthy", happens: func(s *scene) { s.pass(hour) }},

	// node_unreachable
	{name: "unreachable for just less than 20 minutes", happens: func(s *scene) { first(s).down(); s.pass(20*minute - second) }},
	{name: "unreachable for 20 minutes", happens: func(s *scene) { first(s).down(); s.pass(20 * minute) }, want: "node_unreachable warning", unseen: [2]string{"satellite_down", "cannot be reached"}},
	{name: "unreachable for just less than an hour", happens: func(s *scene) { first(s).down(); s.pass(hour - second) }, want: "node_unreachable warning"},
	{name: "unreachable for an hour", happens: func(s *scene) { first(s).down(); s.pass(hour) }, want: "node_unreachable critical"},
	{name: "unreachable, and answers again", happens: func(s *scene) { first(s).down(); s.pass(hour); first(s).up() }},
	{name: "unreachable by a threshold of the node's own", happens: func(s *scene) {
		first(s).Thresholds.UnreachableWarning = 40 * minute
		first(s).down()
		s.pass(39 * minute)
	}},
	{name: "unreachable by a threshold of 2 minutes, but the log moved less than 5 minutes ago", happens: func(s *scene) {
		first(s).Thresholds.UnreachableWarning = 2 * minute
		first(s).down()
		s.pass(5*minute - second)
	}},
	{name: "unreachable by a threshold of 2 minutes, and the log moved 5 minutes ago", happens: func(s *scene) {
		first(s).Thresholds.UnreachableWarning = 2 * minute
		first(s).down()
		s.pass(5 * minute)
	}, want: "node_unreachable warning"},
	{name: "unreachable, with a log line 5 minutes before", happens: func(s *scene) {
		first(s).down()
		s.pass(hour)
		first(s).say("INFO\tpiecestore\tdownloaded\t{}")
		s.pass(19 * minute)
	}, want: "api_slow info"},
	{name: "unreachable 29 minutes after a start", happens: func(s *scene) {
		s.pass(2 * minute)
		first(s).up()
		s.pass(minute)
		first(s).down()
		s.pass(29*minute - second)
	}},
	{name: "unreachable 30 minutes after a start", happens: func(s *scene) {
		s.pass(2 * minute)
		first(s).up()
		s.pass(minute)
		first(s).down()
		s.pass(29 * minute)
	}, want: "node_unreachable warning"},
	{name: "unreachable while it looks at its disk, which it began to 29 minutes ago", happens: func(s *scene) {
		s.pass(2 * minute)
		first(s).begins("storagenode")
		first(s).down()
		s.pass(30*minute - second)
	}},
	{name: "unreachable 29 minutes after an update", happens: func(s *scene) {
		first(s).say("INFO\tService restarted successfully.\t{}")
		first(s).down()
		s.pass(30*minute - second)
	}},
	{name: "unreachable without a log", happens: func(s *scene) { first(s).withoutLog(); first(s).apiDown(); s.pass(20 * minute) }, want: "blind warning, node_unreachable warning"},
	{name: "unreachable without a log for less", happens: func(s *scene) { first(s).withoutLog(); first(s).apiDown(); s.pass(20*minute - second) },
		want: "blind warning", unseen: [2]string{"api_slow", "give its log"}},
	{name: "a log without an API is silent", happens: func(s *scene) {
		first(s).withoutAPI()
		first(s).Answered = time.Time{}
		first(s).log = false
		s.pass(5 * hour)
	},
		unseen: [2]string{"node_unreachable", "give it as api"}},
	{name: "remote APIs are not allowed", happens: func(s *scene) {
		s.settings.AllowRemoteAPI = false
		first(s).apiDown()
		first(s).State = concern.Connecting
		s.pass(3 * minute)
	}, unseen: [2]string{"node_unreachable", "allow them"}},
	{name: "an API that is looked for and was there before", happens: func(s *scene) {
		first(s).withoutAPI()
		first(s).StateSince = s.now
		first(s).log = false
		s.pass(20 * minute)
	}, want: "node_unreachable warning"},

	// host_unreachable
	{name: "both nodes of a machine", nodes: two, happens: func(s *scene) { s.sameHost(); s.down(); s.pass(20 * minute) }, want: "Alpha host_unreachable critical"},
	{name: "both nodes of a machine for less", nodes: two, happens: func(s *scene) { s.sameHost(); s.down(); s.pass(20*minute - second) }},
	{name: "one of two nodes of a machine", nodes: two, happens: func(s *scene) { s.sameHost(); s.nodes[1].down(); s.pass(hour) }, want: "Beta node_unreachable critical"},
	{name: "both nodes of a machine, then one", nodes: two, happens: func(s *scene) { s.sameHost(); s.down(); s.pass(hour); first(s).up() }, want: "Beta node_unreachable critical"},
	{name: "nodes of two machines", nodes: two, happens: func(s *scene) { s.down(); s.pass(hour) }, want: "Alpha node_unreachable critical, Beta node_unreachable critical"},
	{name: "both nodes of this machine", nodes: two, happens: func(s *scene) {
		first(s).Endpoint, s.nodes[1].Endpoint = "http://localhost:14002", "http://127.0.0.1:14003"
		s.down()
		s.pass(hour)
	}, want: "Alpha host_unreachable critical"},
	{name: "both nodes of a machine, the first of them in maintenance", nodes: two, happens: func(s *scene) {
		s.sameHost()
		first(s).MaintenanceUntil = noon.Add(day)
		s.down()
		s.pass(hour)
	}, want: "Beta host_unreachable critical"},
	{name: "both nodes of a machine, in maintenance", nodes: two, happens: func(s *scene) {
		s.sameHost()
		first(s).MaintenanceUntil, s.nodes[1].MaintenanceUntil = noon.Add(day), noon.Add(day)
		s.down()
		s.pass(hour)
	}, want: "Alpha host_unreachable critical"},
	{name: "both nodes of a machine, in another order", nodes: two, happens: func(s *scene) {
		s.sameHost()
		slices.Reverse(s.nodes)
		s.down()
		s.pass(hour)
	}, want: "Alpha host_unreachable critical"},
	{name: "a retired node is not one of the machine's", nodes: []string{"Alpha", "Beta", "Gamma"}, happens: func(s *scene) {
		s.sameHost()
		s.nodes[2].Retired = true
		s.nodes[0].down()
		s.nodes[1].down()
		s.pass(20 * minute)
	}, want: "Alpha host_unreachable critical"},

	{name: "both nodes of a machine, one of which was not asked yet", nodes: two, happens: func(s *scene) {
		s.sameHost()
		s.down()
		s.pass(hour)
		s.nodes[1].State, s.nodes[1].Trouble = concern.Connecting, ""
	}, unseen: [2]string{"host_unreachable", "not been asked yet"}},
	{name: "a node that is lost after its API was slow", happens: func(s *scene) { first(s).apiDown(); s.pass(hour); first(s).log = false; s.pass(20 * minute) }, want: "node_unreachable warning"},

	// api_slow
	{name: "the API fails for just less than 5 minutes", happens: func(s *scene) { first(s).apiDown(); s.pass(5*minute - second) }},
	{name: "the API fails for 5 minutes", happens: func(s *scene) { first(s).apiDown(); s.pass(5 * minute) }, want: "api_slow info"},
	{name: "the API fails for just less than 6 hours", happens: func(s *scene) { first(s).apiDown(); s.pass(6*hour - second) }, want: "api_slow info", unseen: [2]string{"no_contact", "has not answered since"}},
	{name: "the API fails for 6 hours", happens: func(s *scene) { first(s).apiDown(); s.pass(6 * hour) }, want: "api_slow warning"},
	{name: "the API fails, and answers again", happens: func(s *scene) { first(s).apiDown(); s.pass(7 * hour); first(s).poll() }},
	{name: "the API fails, and the log moves without a transfer", happens: func(s *scene) {
		first(s).line = "bandwidth\tPersisting bandwidth usage cache to db\t{}"
		first(s).apiDown()
		s.pass(5 * minute)
	}, want: "api_slow info"},
	{name: "the API answers late", happens: func(s *scene) { s.pass(hour); first(s).State = concern.Slow }},

	// no_contact
	{name: "no contact for just less than 3 hours", happens: func(s *scene) { s.noContact(3*hour - 5*minute) }},
	{name: "no contact for 3 hours", happens: func(s *scene) { s.noContact(3 * hour) }, want: "no_contact warning"},
	{name: "no contact for just less than 12 hours", happens: func(s *scene) { s.noContact(12*hour - 5*minute) }, want: "no_contact warning"},
	{name: "no contact for 12 hours", happens: func(s *scene) { s.noContact(12 * hour) }, want: "no_contact critical"},
	{name: "no contact for 30 days but an hour", happens: func(s *scene) {
		a := first(s)
		a.pinged = false
		a.status.LastPinged = s.now.Add(hour + 5*minute - 30*day)
		s.pass(5 * minute)
		a.pingFails(us1, eu1, ap1)
	}, want: "no_contact critical"},
	{name: "no contact, and back", happens: func(s *scene) { s.noContact(12 * hour); first(s).pinged = true; s.pass(5 * minute) }},
	{name: "no contact, but no ping failed", happens: func(s *scene) { first(s).pinged = false; s.pass(12 * hour) }},
	{name: "no contact, without a log", happens: func(s *scene) { first(s).withoutLog(); first(s).pinged = false; s.pass(3*hour + 5*minute) }, want: "blind warning, no_contact warning"},
	{name: "no contact, just started", happens: func(s *scene) {
		s.noContact(4 * hour)
		first(s).up()
		s.pass(25 * minute)
	}, unseen: [2]string{"no_contact", "began less than 30 minutes ago"}},
	{name: "no contact since before a start", happens: func(s *scene) {
		s.noContact(4 * hour)
		first(s).up()
		s.pass(30 * minute)
	}, want: "no_contact warning"},
	{name: "no contact with a satellite that is left", happens: func(s *scene) {
		for i := range first(s).status.Satellites {
			first(s).status.Satellites[i].Disqualified = noon
		}
		s.noContact(12 * hour)
	}},

	// satellite_down
	{name: "a satellite on two machines", nodes: []string{"Alpha", "Beta", "Gamma"}, happens: func(s *scene) { s.pings(first(s), s.nodes[1]) }, want: "Alpha satellite_down info eu1"},
	{name: "a satellite on one of two machines", nodes: two, happens: func(s *scene) { s.pings(first(s)) }},
	{name: "a satellite on one of two nodes of a machine", nodes: two, happens: func(s *scene) { s.sameHost(); s.pings(first(s)) }},
	{name: "a satellite on both nodes of a machine", nodes: two, happens: func(s *scene) { s.sameHost(); s.pings(s.nodes...) }, want: "Alpha satellite_down info eu1"},
	{name: "a satellite on the only node", happens: func(s *scene) { s.pings(first(s)) }, want: "satellite_down info eu1"},
	{name: "one failed ping", happens: func(s *scene) { first(s).pingFails(eu1); s.pass(minute) }},
	{name: "all satellites of a node", happens: func(s *scene) {
		for range 3 {
			first(s).pingFails(us1, eu1, ap1)
			s.pass(minute)
		}
	}},
	{name: "a satellite, 75 minutes before", happens: func(s *scene) { s.pings(first(s)); s.pass(74 * minute) }},
	{name: "a satellite, just less than 75 minutes before", happens: func(s *scene) { s.pings(first(s)); s.pass(74*minute - second) }, want: "satellite_down info eu1"},
	{name: "a satellite, and its scores come", happens: func(s *scene) {
		s.pings(first(s))
		first(s).say("INFO\treputation:service\tnode scores updated\t{\"satellite_id\": \"" + eu1 + "\", \"total_audits\": 1}")
	}},
	{name: "a satellite, its scores come, and it is gone again", happens: func(s *scene) {
		s.pings(first(s))
		first(s).say("INFO\treputation:service\tnode scores updated\t{\"satellite_id\": \"" + eu1 + "\", \"total_audits\": 1}")
		s.pass(minute)
		s.pings(first(s))
	}, want: "satellite_down info eu1"},
	{name: "a satellite, without a log", happens: func(s *scene) { first(s).withoutLog(); s.pass(minute) }, want: "blind warning", unseen: [2]string{"satellite_down", "give its log"}},

	// node_stopped
	{name: "stopped for just less than 10 minutes", happens: func(s *scene) { first(s).dies(); s.pass(10*minute - second) }},
	{name: "stopped for 10 minutes", happens: func(s *scene) { first(s).dies(); s.pass(10 * minute) }, want: "node_stopped critical"},
	{name: "stopped again and again without a start", happens: func(s *scene) {
		for range 12 {
			first(s).dies()
			s.pass(minute)
		}
	}, want: "node_stopped critical"},
	{name: "stopped, and started", happens: func(s *scene) { first(s).dies(); s.pass(15 * minute); first(s).up() }},
	{name: "stopped, and started with a log that cannot be read", happens: func(s *scene) {
		first(s).dies()
		s.pass(15 * minute)
		first(s).api, first(s).status.StartedAt = true, s.now
		first(s).LogTrouble = "10.0.0.1:9999: connection refused"
		s.pass(5 * minute)
	}},
	{name: "stopped, started, and the API does not answer", happens: func(s *scene) {
		a := first(s)
		a.dies()
		s.pass(15 * minute)
		a.up()
		a.Answered = a.Answered.Add(-15 * minute)
		a.down()
		a.StateSince = a.StateSince.Add(-15 * minute)
		s.pass(2 * minute)
	}, want: "node_stopped critical"},
	{name: "a FATAL line of a stop", happens: func(s *scene) {
		first(s).say(signal)
		first(s).dies()
		s.pass(15 * minute)
	}},
	{name: "a FATAL line just less than 2 minutes after the signal to stop", happens: func(s *scene) { s.signalAndDeath(2*minute - second); s.pass(15 * minute) }},
	{name: "a FATAL line 2 minutes after the signal to stop", happens: func(s *scene) { s.signalAndDeath(2 * minute); s.pass(15 * minute) }, want: "node_stopped critical"},
	{name: "told to stop, started, and dead within 2 minutes", happens: func(s *scene) {
		first(s).say(signal)
		s.pass(10 * second)
		first(s).up()
		s.pass(minute)
		first(s).dies()
		s.pass(10 * minute)
	}, want: "node_stopped critical"},
	{name: "told to stop, and dead at the next start", happens: func(s *scene) {
		first(s).say(signal)
		first(s).begins("storagenode")
		first(s).dies()
		s.pass(10 * minute)
	}, want: "node_stopped critical"},
	{name: "told to stop, and dead at every start after that", happens: func(s *scene) {
		first(s).say(signal)
		for range 11 {
			s.pass(minute)
			first(s).begins("storagenode")
			first(s).dies()
		}
	}, want: "node_stopped critical, restart_loop critical"},
	{name: "a FATAL line of another process", happens: func(s *scene) { first(s).dies(); first(s).api, first(s).log = true, true; s.pass(15 * minute) }},

	// restart_loop
	{name: "3 starts in 15 minutes", happens: func(s *scene) { s.restarts(0, 7*minute+30*second, 7*minute+30*second) }, want: "restart_loop critical"},
	{name: "3 starts in more than 15 minutes", happens: func(s *scene) { s.restarts(0, 7*minute+30*second, 7*minute+31*second) }},
	{name: "2 starts", happens: func(s *scene) { s.restarts(0, minute) }},
	{name: "3 starts, just less than an hour ago", happens: func(s *scene) { s.restarts(0, minute, minute); s.pass(hour - second) }, want: "restart_loop critical"},
	{name: "3 starts an hour ago", happens: func(s *scene) { s.restarts(0, minute, minute); s.pass(hour) }},
	{name: "3 starts without a log", happens: func(s *scene) {
		first(s).withoutLog()
		for range 3 {
			first(s).status.StartedAt = s.now
			s.pass(5 * minute)
		}
	}, want: "blind warning, restart_loop critical"},
	{name: "3 starts, each of which ends in a FATAL line", happens: func(s *scene) {
		for range 3 {
			first(s).up()
			s.pass(minute)
			first(s).dies()
			s.pass(minute)
		}
		first(s).up()
	}, want: "restart_loop critical"},

	{name: "3 starts, none of which gets as far as to say so", happens: func(s *scene) { s.begins("storagenode", 3); s.pass(minute) },
		want: "restart_loop critical", unseen: [2]string{"api_slow", "started less than 30 minutes ago"}},
	{name: "3 starts, none of which gets as far as to say so, and one that does", happens: func(s *scene) { s.begins("storagenode", 3); first(s).up(); s.pass(5 * minute) }, want: "restart_loop critical"},
	{name: "2 starts, each with its first words and those of an updater", happens: func(s *scene) {
		for range 2 {
			s.pass(5 * minute)
			for range 2 { // versions of old do not say of which process a line is
				first(s).say("INFO\tConfiguration loaded\t{\"Location\": \"/app/config/config.yaml\"}")
				s.pass(second)
			}
			s.pass(minute)
			first(s).up()
		}
	}},
	{name: "an updater that starts again and again", happens: func(s *scene) { first(s).down(); s.begins("storagenode-updater", 5); s.pass(minute) }, want: "api_slow info"},
	{name: "other commands with the configuration and the log of the node", happens: func(s *scene) {
		for range 5 {
			first(s).begins("storagenode")
			s.pass(2 * minute)
		}
	}},

	// wrong_pair
	{name: "log and API are of two nodes", happens: func(s *scene) {
		first(s).WrongPair = "the log is of node 1Alpha, the API at http://10.0.0.1:14002 of node 1Beta"
	}, want: "wrong_pair critical"},
	{name: "a pair, and no log any more", happens: func(s *scene) { first(s).WrongPair = "x"; s.judge(); first(s).WrongPair = ""; first(s).withoutLog() }, want: "blind warning"},

	// version_outdated
	{name: "below the minimum", happens: func(s *scene) {
		first(s).status.AllowedVersion, first(s).status.UpToDate = "1.170.2", false
		s.pass(5 * minute)
	}, want: "version_outdated critical"},
	{name: "below the minimum, and updated", happens: func(s *scene) {
		first(s).status.AllowedVersion, first(s).status.UpToDate = "1.170.2", false
		s.pass(5 * minute)
		first(s).status.Version, first(s).status.UpToDate = "1.170.2", true
		s.pass(5 * minute)
	}},
	{name: "no minimum is known", happens: func(s *scene) {
		first(s).status.AllowedVersion, first(s).status.UpToDate = "0.0.0", false
		s.pass(5 * minute)
	}},
	{name: "below the minimum, and the node cannot ask for it any more", happens: func(s *scene) {
		first(s).status.AllowedVersion, first(s).status.UpToDate = "1.170.2", false
		s.pass(5 * minute)
		first(s).status.AllowedVersion, first(s).status.UpToDate = "0.0.0", true
		s.pass(hour)
	}, want: "version_outdated critical"},
	{name: "a minimum was never known", newborn: true, happens: func(s *scene) {
		first(s).status.AllowedVersion = "0.0.0"
		s.pass(hour)
	}},
	{name: "not polled for 3 days", happens: func(s *scene) { first(s).apiDown(); s.advance(3*day, hour) },
		want: "api_slow warning", unseen: [2]string{"version_outdated", "has not answered since"}},
	{name: "stopped by its version, after it was polled with it", happens: func(s *scene) {
		first(s).apiDown()
		s.pass(hour)
		first(s).say("ERROR\tversion\tversion not allowed/outdated\t{}")
		s.pass(minute)
	}, want: "api_slow info, version_outdated critical"},
	{name: "older than another, and dead", nodes: two, happens: func(s *scene) {
		first(s).apiDown()
		s.mateUpdates(30 * day)
	}, want: "Alpha api_slow warning", unseen: [2]string{"version_outdated", "has not answered since"}},
	{name: "no version is known", newborn: true, happens: func(s *scene) {
		first(s).status.Version, first(s).status.UpToDate = "", false
		s.pass(hour)
	}, unseen: [2]string{"version_outdated", "does not say"}},
	{name: "older than another for just less than 30 days", nodes: two, happens: func(s *scene) { s.mateUpdates(30*day - 5*minute) }},
	{name: "older than another for 30 days", nodes: two, happens: func(s *scene) { s.mateUpdates(30 * day) }, want: "Alpha version_outdated info"},
	{name: "older than another that was updated twice", nodes: two, happens: func(s *scene) {
		s.mateUpdates(20 * day)
		s.nodes[1].status.Version = "1.165.2"
		s.leap(10 * day)
	}, want: "Alpha version_outdated info"},
	{name: "older than another, and updated", nodes: two, happens: func(s *scene) {
		s.mateUpdates(30 * day)
		first(s).status.Version = "1.164.1"
		s.pass(5 * minute)
	}},

	// quic
	{name: "QUIC misconfigured for just less than 24 hours", happens: func(s *scene) { s.quic(day - 5*minute) }},
	{name: "QUIC misconfigured for 24 hours", happens: func(s *scene) { s.quic(day) }, want: "quic info"},
	{name: "QUIC misconfigured, but refreshing once", happens: func(s *scene) {
		s.quic(12 * hour)
		first(s).status.QUICStatus = "Refreshing"
		s.pass(5 * minute)
		s.quic(12 * hour)
	}, want: "quic info"},
	{name: "QUIC misconfigured, but not once", happens: func(s *scene) {
		s.quic(12 * hour)
		first(s).status.QUICStatus = "OK"
		s.pass(5 * minute)
		s.quic(day - 5*minute)
	}},
	{name: "QUIC misconfigured, and nothing reaches it", happens: func(s *scene) { s.quic(day); first(s).pinged = false; s.pass(2*hour + 5*minute) }},
	{name: "QUIC misconfigured, and mended", happens: func(s *scene) { s.quic(day); first(s).status.QUICStatus = "OK"; s.pass(5 * minute) }},

	// blind
	{name: "a log of WARN for just less than an hour", newborn: true, happens: func(s *scene) { s.levelFrom("WARN", hour-second) }},
	{name: "a log of WARN for an hour", newborn: true, happens: func(s *scene) { s.levelFrom("WARN", hour) }, want: "blind warning"},
	{name: "a log of FATAL", newborn: true, happens: func(s *scene) { s.levelFrom("DPANIC", hour) }, want: "blind warning"},
	{name: "a log of WARN, then INFO", newborn: true, happens: func(s *scene) { s.levelFrom("WARN", hour); first(s).level = "INFO"; s.pass(minute) }},
	{name: "no transfer for just less than 4 hours", happens: func(s *scene) { s.customLevel(4*hour - second) }},
	{name: "no transfer for 4 hours", happens: func(s *scene) { s.customLevel(4 * hour) }, want: "blind warning"},
	{name: "no transfer, because there is none", happens: func(s *scene) {
		first(s).line = "bandwidth\tPersisting bandwidth usage cache to db\t{}"
		s.pass(25 * hour)
	}},
	{name: "no transfer, and one", happens: func(s *scene) { s.customLevel(4 * hour); first(s).line = transfer; s.pass(minute) }},
	{name: "no transfer without an API for just less than a day", happens: func(s *scene) { s.customLevelWithoutAPI(day - second) }, unseen: [2]string{"no_contact", "has not answered"}},
	{name: "no transfer without an API for a day", happens: func(s *scene) { s.customLevelWithoutAPI(day) }, want: "api_slow warning, blind warning"},
	{name: "the log cannot be read for just less than 30 minutes", happens: func(s *scene) { s.logTrouble(30*minute - second) }, unseen: [2]string{"blind", "connection refused"}},
	{name: "the log cannot be read for 30 minutes", happens: func(s *scene) { s.logTrouble(30 * minute) }, want: "blind warning", unseen: [2]string{"log_silent", "connection refused"}},
	{name: "the log can be read again", happens: func(s *scene) { s.logTrouble(hour); first(s).log = true; s.pass(minute) }},
	{name: "a log that never has a line for just less than an hour", newborn: true, happens: func(s *scene) { s.neverALine(hour - second) }, unseen: [2]string{"blind", "no line yet"}},
	{name: "a log that never has a line for an hour", newborn: true, happens: func(s *scene) { s.neverALine(hour) }, want: "blind warning", unseen: [2]string{"log_silent", "log.level: info"}},

	// log_silent
	{name: "silent for 30 minutes", happens: func(s *scene) { first(s).log = false; s.pass(30 * minute) }},
	{name: "silent for more than 30 minutes", happens: func(s *scene) { first(s).log = false; s.pass(30*minute + second) }, want: "log_silent warning"},
	{name: "silent by a threshold of its own", happens: func(s *scene) { first(s).Thresholds.LogSilent = hour; first(s).log = false; s.pass(hour) }},
	{name: "silent, and a line", happens: func(s *scene) { first(s).log = false; s.pass(hour); first(s).log = true; s.pass(minute) }},
	{name: "silent and without contact", happens: func(s *scene) { s.pass(5 * minute); first(s).log, first(s).pinged = false, false; s.pass(hour) }},
	{name: "silent for 3 times a pause of 40 minutes", happens: func(s *scene) { s.silentAfterPause(120 * minute) }},
	{name: "silent for more than 3 times a pause of 40 minutes", happens: func(s *scene) { s.silentAfterPause(120*minute + second) }, want: "log_silent warning"},
	{name: "a pause that a start ended does not count", happens: func(s *scene) {
		first(s).down()
		s.pass(4 * hour)
		first(s).up()
		s.pass(hour)
		first(s).log = false
		s.pass(31 * minute)
	}, want: "log_silent warning"},
	{name: "a log of WARN is silent", newborn: true, happens: func(s *scene) { s.levelFrom("WARN", 26*hour); first(s).log = false; s.pass(2 * hour) },
		want: "blind warning", unseen: [2]string{"log_silent", "log.level: info"}},
	{name: "silent for more than a day", happens: func(s *scene) { first(s).log = false; s.pass(25 * hour) }, want: "log_silent warning", unseen: [2]string{"blind", "silent"}},

	// clock_skew
	{name: "the log is 10 seconds ahead for an hour", happens: func(s *scene) { first(s).clock = 10 * second; s.pass(70 * minute) }},
	{name: "the log is 11 seconds ahead for an hour", happens: func(s *scene) { first(s).clock = 11 * second; s.pass(70 * minute) }, want: "clock_skew warning"},
	{name: "the log is 11 seconds ahead for less", happens: func(s *scene) { first(s).clock = 11 * second; s.pass(55 * minute) }},
	{name: "the log is 11 seconds ahead since a night without a line", happens: func(s *scene) {
		s.now = s.now.Add(9 * hour)
		first(s).clock = 11 * second
		s.pass(30 * minute)
	}, unseen: [2]string{"clock_skew", "for less than 1 hour"}},
	{name: "the log is 40 seconds behind for an hour", happens: func(s *scene) { first(s).clock = -40 * second; s.pass(70 * minute) }, want: "clock_skew warning"},
	{name: "the log was behind", happens: func(s *scene) { first(s).clock = -40 * second; s.pass(70 * minute); first(s).clock = 0; s.pass(minute) }},
	{name: "out of sync at one start", happens: func(s *scene) { s.checks(true) }},
	{name: "out of sync at two starts", happens: func(s *scene) { s.checks(true, true) }, want: "clock_skew warning"},
	{name: "out of sync at two starts, then not", happens: func(s *scene) { s.checks(true, true, false) }},
	{name: "out of sync at every other start", happens: func(s *scene) { s.checks(true, false, true) }},
}
