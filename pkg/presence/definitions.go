package presence

import "github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"

// The codes.
const (
	nodeUnreachable = "node_unreachable"
	hostUnreachable = "host_unreachable"
	nodeStopped     = "node_stopped"
	restartLoop     = "restart_loop"
	wrongPair       = "wrong_pair"
	noContact       = "no_contact"
	satelliteDown   = "satellite_down"
	apiSlow         = "api_slow"
	quicBroken      = "quic"
	versionOutdated = "version_outdated"
	blind           = "blind"
	logSilent       = "log_silent"
	clockSkew       = "clock_skew"
)

// The groups of alert rules.
const (
	presenceGroup   = "presence"
	contactGroup    = "contact"
	visibilityGroup = "visibility"
)

func severities(all ...conditions.Severity) []conditions.Severity { return all }

// definitions is the table of what this concern can raise.
var definitions = []conditions.Definition{
	{
		Code: nodeUnreachable, Group: presenceGroup, Severities: severities(conditions.Warning, conditions.Critical),
		Title:  "Node Unreachable",
		When:   "the node's API does not answer and its log has had no line for 5 minutes: warning after 20 minutes, critical after 1 hour; not within 30 minutes of a start or an update",
		Clears: "the API answers, or the log moves",
		Do:     "Check that the machine is on and on the network, that the node's process or container runs, and that its console can be reached from here.",
	},
	{
		Code: hostUnreachable, Group: presenceGroup, Severities: severities(conditions.Critical),
		Title:  "Host Unreachable",
		When:   "all nodes of one machine, two at least, are unreachable; it stands for their own node_unreachable, at one of them that is not in maintenance",
		Clears: "any of them answers",
		Do:     "Check the machine's power, its network and the way to it from here, then its nodes.",
	},
	{
		Code: nodeStopped, Group: presenceGroup, Severities: severities(conditions.Critical), AtOnce: true,
		Title:  "Node Stopped",
		When:   "the node ended itself with a FATAL line, which is not the end of a stop that it was told to make, and was not started for 10 minutes",
		Clears: "the node starts and its API answers",
		Do:     "Read the reason, mend it (mostly the disk, its mount or its permissions) and start the node.",
	},
	{
		Code: restartLoop, Group: presenceGroup, Severities: severities(conditions.Critical), Event: true,
		Title:  "Node Restarts Again and Again",
		When:   "3 starts within 15 minutes, also such as end before the node says that it started",
		Clears: "1 hour after the last start",
		Do:     "Look at the end of the log before each start, and at the memory that the machine has left.",
	},
	{
		Code: wrongPair, Group: presenceGroup, Severities: severities(conditions.Critical),
		Title:  "Log and API of Different Nodes",
		When:   "the node ids in the log and in the API differ; a log names its node only when that starts, and is taken for the API's until then",
		Clears: "both are of one node",
		Do:     "Correct the log or the API address of this node in the data source's settings.",
	},
	{
		Code: noContact, Group: contactGroup, Severities: severities(conditions.Warning, conditions.Critical), NeedsNode: true,
		Title:  "No Contact with Satellites",
		When:   "no satellite has reached the node for 3 hours (critical: 12 hours), and, where the log shows them, a ping failed since",
		Clears: "a satellite or a customer reaches the node",
		Do:     "Check the port forwarding (TCP and UDP), the firewall, and that contact.external-address is the address under which the node is reached.",
	},
	{
		Code: satelliteDown, Group: contactGroup, Severities: severities(conditions.Info), NeedsNode: true,
		Title:  "Failing Pings on {satellite}",
		When:   "pings of the same satellite fail on nodes of two machines, or on all nodes, while others succeed",
		Clears: "the satellite answers again, or no ping fails for 75 minutes",
		Do:     "Nothing: it is the satellite's. Its downtime does not count against the nodes.",
	},
	{
		Code: apiSlow, Group: contactGroup, Severities: severities(conditions.Info, conditions.Warning), NeedsNode: true,
		Title:  "API Does Not Answer",
		When:   "requests to the API fail for 5 minutes while the log moves; warning after 6 hours",
		Clears: "the API answers",
		Do:     "Look at the load of the node's disk; where the connection is refused, at console.address and the API address in the settings.",
	},
	{
		Code: quicBroken, Group: contactGroup, Severities: severities(conditions.Info), NeedsNode: true,
		Title:  "QUIC Misconfigured",
		When:   "the node found its QUIC misconfigured at every poll for 24 hours while satellites reach it",
		Clears: "QUIC is OK or switched off",
		Do:     "Forward the node's port for UDP, too.",
	},
	{
		Code: versionOutdated, Group: contactGroup, Severities: severities(conditions.Info, conditions.Critical), NeedsNode: true,
		Title:  "Node Version Outdated",
		When:   "the version is below the minimum that satellites ask for (critical); or for 30 days another node has run a newer one (info)",
		Clears: "the node is updated",
		Do:     "Update the node, and see why its updater did not.",
	},
	{
		Code: blind, Group: visibilityGroup, Severities: severities(conditions.Warning),
		Title:  "Node Not Fully Watched",
		When:   "transfers or audits cannot be seen: no log is given, it cannot be read, or its level hides them",
		Clears: "they are seen",
		Do:     "Give the node's log in the settings, and set log.level: info without a log.custom-level for piecestore.",
	},
	{
		Code: logSilent, Group: visibilityGroup, Severities: severities(conditions.Warning), NeedsNode: true,
		Title:  "Log Silent",
		When:   "a log that had lines of INFO has had none for 30 minutes, or for 3 times its longest pause of the last 7 days if that is more, though the node is in contact",
		Clears: "a line",
		Do:     "See whether the node writes to another file since a rotation (use copytruncate), and whether the disk of the log is full.",
	},
	{
		Code: clockSkew, Group: visibilityGroup, Severities: severities(conditions.Warning), NeedsNode: true,
		Title:  "Clock Out of Sync",
		When:   "the node found its clock out of sync at two starts in a row, or its log's times are more than 10 seconds off for 1 hour",
		Clears: "the times agree",
		Do:     "Switch on time synchronisation (NTP) on the node's machine.",
	},
}

// Conditions is the table of what this concern can raise.
func (Concern) Conditions() []conditions.Definition { return definitions }

var titles = func() map[string]string {
	byCode := make(map[string]string, len(definitions))
	for _, d := range definitions {
		byCode[d.Code] = d.Title
	}
	return byCode
}()
