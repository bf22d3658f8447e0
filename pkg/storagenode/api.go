package storagenode

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// The answers of the node's API. Field names are the API's, what nobody here
// needs is left out, and unknown fields are ignored: operators run many versions.
// "Never" is the zero time, whether the node says 0001-01-01T00:00:00Z or null.

// Status is the answer of /api/sno/.
type Status struct {
	NodeID         string         `json:"nodeID"`
	Satellites     []SatelliteRef `json:"satellites"` // only those the node was in contact with
	DiskSpace      DiskSpace      `json:"diskSpace"`
	Bandwidth      Bandwidth      `json:"bandwidth"`
	LastPinged     time.Time      `json:"lastPinged"` // zero after a restart, until the first contact
	Version        string         `json:"version"`
	AllowedVersion string         `json:"allowedVersion"` // 0.0.0 while the version server is down
	UpToDate       bool           `json:"upToDate"`
	StartedAt      time.Time      `json:"startedAt"` // of the process, not of the node
	QUICStatus     string         `json:"quicStatus"`
	LastQUICPing   time.Time      `json:"lastQuicPingedAt"`
	// ServerTime is the node's clock when it answered, in whole seconds; zero where
	// the answer did not say it.
	ServerTime time.Time `json:"-"`
}

func (s *Status) answeredAt(t time.Time) { s.ServerTime = t }

// SatelliteRef is a satellite in Status.
type SatelliteRef struct {
	ID           string    `json:"id"`
	URL          string    `json:"url"` // host:port
	Disqualified time.Time `json:"disqualified"`
	Suspended    time.Time `json:"suspended"` // for unknown audit errors; never for being offline
	VettedAt     time.Time `json:"vettedAt"`
}

// Bandwidth is what the node has transferred in this UTC month.
type Bandwidth struct {
	Used Bytes `json:"used"`
}

// Bytes is a number of bytes. The API writes it as an integer or as a float.
type Bytes = Whole

// Whole is a whole number that the API may write as 12, 12.0, 1.2e1 or null.
type Whole int64

// UnmarshalJSON reads a number in any of its forms; null is 0.
func (w *Whole) UnmarshalJSON(data []byte) error {
	text := string(data)
	if text == "null" {
		*w = 0
		return nil
	}
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
		*w = Whole(whole)
		return nil
	}
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(number) || math.Abs(number) >= math.MaxInt64 {
		return errNotANumber
	}
	*w = Whole(number)
	return nil
}

var errNotANumber = errors.New("a number was expected")

// DiskSpace is the node's disk in bytes. Its fields changed their meaning in
// v1.143: the methods know both, the raw numbers are not for the reader.
type DiskSpace struct {
	used, available, allocated, trash, reclaimable, overused Bytes
	hasAllocated                                             bool
}

// NewDiskSpace is the disk of a node from v1.143 on: allocated is the total, used
// is everything, trash and what can be reclaimed included.
func NewDiskSpace(allocated, used, available, trash, reclaimable, overused int64) DiskSpace {
	return DiskSpace{
		used: Bytes(used), available: Bytes(available), allocated: Bytes(allocated),
		trash: Bytes(trash), reclaimable: Bytes(reclaimable), overused: Bytes(overused),
		hasAllocated: true,
	}
}

// UnmarshalJSON reads both shapes; the key "allocated" tells them apart.
func (d *DiskSpace) UnmarshalJSON(data []byte) error {
	var answer struct {
		Used        Bytes  `json:"used"`
		Available   Bytes  `json:"available"`
		Allocated   *Bytes `json:"allocated"`
		Trash       Bytes  `json:"trash"`
		Reclaimable Bytes  `json:"reclaimable"`
		Overused    Bytes  `json:"overused"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return err
	}
	*d = DiskSpace{
		used: answer.Used, available: answer.Available, trash: answer.Trash,
		reclaimable: answer.Reclaimable, overused: answer.Overused,
	}
	if answer.Allocated != nil {
		d.allocated, d.hasAllocated = *answer.Allocated, true
	}
	return nil
}

// Total is what the operator allocated.
func (d DiskSpace) Total() int64 {
	if d.hasAllocated {
		return int64(d.allocated)
	}
	return int64(d.available)
}

// Used is everything that the node has on the disk: pieces, trash and what can
// be reclaimed.
func (d DiskSpace) Used() int64 {
	if d.hasAllocated {
		return int64(d.used)
	}
	return int64(d.used + d.trash)
}

// Free is what is left for new pieces, never below zero.
func (d DiskSpace) Free() int64 {
	if d.hasAllocated {
		return max(0, int64(d.available))
	}
	return max(0, int64(d.available-d.used-d.trash))
}

// Trash is what waits for its deletion.
func (d DiskSpace) Trash() int64 { return int64(d.trash) }

// Reclaimable is what a compaction would free; 0 where the node does not say it.
func (d DiskSpace) Reclaimable() int64 { return int64(d.reclaimable) }

// SaysReclaimable says whether the node tells what a compaction would free: an older one does
// not, which is no zero.
func (d DiskSpace) SaysReclaimable() bool { return d.hasAllocated }

// Overused is how much more than the allocated space the node says it uses.
func (d DiskSpace) Overused() int64 { return int64(d.overused) }

// Known says whether the node gave any disk numbers at all.
func (d DiskSpace) Known() bool { return d != DiskSpace{} }

// Satellites is the answer of /api/sno/satellites: sums over all satellites, and
// the scores by satellite address, without an id.
type Satellites struct {
	Audits           []SatelliteAudits `json:"audits"`
	StorageDaily     []StorageDay      `json:"storageDaily"`
	BandwidthDaily   []BandwidthDay    `json:"bandwidthDaily"`
	BandwidthSummary Bytes             `json:"bandwidthSummary"`
	EgressSummary    Bytes             `json:"egressSummary"`
	IngressSummary   Bytes             `json:"ingressSummary"`
	EarliestJoinedAt time.Time         `json:"earliestJoinedAt"`
}

// SatelliteAudits is a node's scores (0..1) with one satellite. A satellite that
// was never contacted reports 0/0/0, which is no data.
type SatelliteAudits struct {
	AuditScore      float64
	SuspensionScore float64
	OnlineScore     float64
	SatelliteName   string // host:port
	// Complete says that all three scores were in the answer: a missing score is
	// not a score of zero.
	Complete bool
}

// UnmarshalJSON reads the scores and notes whether one is missing.
func (a *SatelliteAudits) UnmarshalJSON(data []byte) error {
	var answer struct {
		AuditScore      *float64 `json:"auditScore"`
		SuspensionScore *float64 `json:"suspensionScore"`
		OnlineScore     *float64 `json:"onlineScore"`
		SatelliteName   string   `json:"satelliteName"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return err
	}
	*a = SatelliteAudits{SatelliteName: answer.SatelliteName}
	if answer.AuditScore == nil || answer.SuspensionScore == nil || answer.OnlineScore == nil {
		return nil
	}
	a.AuditScore, a.SuspensionScore, a.OnlineScore = *answer.AuditScore, *answer.SuspensionScore, *answer.OnlineScore
	a.Complete = true
	return nil
}

// allZero is how a satellite looks that the node was never in contact with.
func (a SatelliteAudits) allZero() bool {
	return a.AuditScore == 0 && a.SuspensionScore == 0 && a.OnlineScore == 0
}

// SatelliteDetail is the answer of /api/sno/satellite/{id}. It does not say
// whether the satellite disqualified or suspended the node: SatelliteRef does.
type SatelliteDetail struct {
	ID             string           `json:"id"`
	Audits         *SatelliteAudits `json:"audits"`
	AuditHistory   AuditHistory     `json:"auditHistory"`
	PriceModel     PriceModel       `json:"priceModel"`
	StorageDaily   []StorageDay     `json:"storageDaily"`
	BandwidthDaily []BandwidthDay   `json:"bandwidthDaily"`
	JoinedAt       time.Time        `json:"nodeJoinedAt"` // zero: never contacted
	VettedAt       time.Time        `json:"vettedAt"`
}

// AuditHistory is what the online score is made of.
type AuditHistory struct {
	Score   float64            `json:"score"`
	Windows []AuditWindowCount `json:"windows"` // ascending; the last one is not in the score yet
}

// AuditWindowCount is one window of the online score.
type AuditWindowCount struct {
	Start       time.Time `json:"windowStart"`
	TotalCount  Whole     `json:"totalCount"`
	OnlineCount Whole     `json:"onlineCount"`
}

// PriceModel is what a satellite pays, in cents per TB and per TB-month.
type PriceModel struct {
	EgressBandwidth float64 `json:"EgressBandwidth"`
	RepairBandwidth float64 `json:"RepairBandwidth"`
	AuditBandwidth  float64 `json:"AuditBandwidth"`
	DiskSpace       float64 `json:"DiskSpace"`
}

// StorageDay is what was stored on one UTC day.
type StorageDay struct {
	AtRestTotal      float64   `json:"atRestTotal"` // byte-hours
	AtRestTotalBytes float64   `json:"atRestTotalBytes"`
	IntervalInHours  float64   `json:"intervalInHours"` // only per satellite
	IntervalStart    time.Time `json:"intervalStart"`
	Calculated       bool      `json:"calculated"`
}

// BandwidthDay is what was transferred on one UTC day.
type BandwidthDay struct {
	Egress        EgressBytes  `json:"egress"`
	Ingress       IngressBytes `json:"ingress"`
	Delete        Bytes        `json:"delete"`
	IntervalStart time.Time    `json:"intervalStart"`
}

// EgressBytes is what left the node, by purpose.
type EgressBytes struct {
	Repair Bytes `json:"repair"`
	Audit  Bytes `json:"audit"`
	Usage  Bytes `json:"usage"`
}

// IngressBytes is what came to the node, by purpose.
type IngressBytes struct {
	Repair Bytes `json:"repair"`
	Usage  Bytes `json:"usage"`
}

// EstimatedPayout is the answer of /api/sno/estimated-payout. Money is in cents.
type EstimatedPayout struct {
	CurrentMonth             MonthPayout `json:"currentMonth"`
	PreviousMonth            MonthPayout `json:"previousMonth"`
	CurrentMonthExpectations float64     `json:"currentMonthExpectations"`
}

// MonthPayout is one month of EstimatedPayout: money in cents, bandwidth in
// bytes, disk space in byte-months.
type MonthPayout struct {
	EgressBandwidth         Bytes   `json:"egressBandwidth"`
	EgressBandwidthPayout   float64 `json:"egressBandwidthPayout"`
	EgressRepairAudit       Bytes   `json:"egressRepairAudit"`
	EgressRepairAuditPayout float64 `json:"egressRepairAuditPayout"`
	DiskSpace               float64 `json:"diskSpace"`
	DiskSpacePayout         float64 `json:"diskSpacePayout"`
	HeldRate                float64 `json:"heldRate"` // percent
	Payout                  float64 `json:"payout"`
	Held                    float64 `json:"held"`
}

// NotificationType says what a notification is about.
type NotificationType int

// The types that a node knows. Only NotifiedOffline is raised today.
const (
	NotifiedCustom           NotificationType = 0
	NotifiedAuditFailure     NotificationType = 1
	NotifiedDisqualification NotificationType = 2
	NotifiedOffline          NotificationType = 3
)

// Notification is one entry of /api/notifications/list. That it exists proves
// only that it once was so.
type Notification struct {
	ID        string           `json:"id"`
	Type      NotificationType `json:"type"`
	Title     string           `json:"title"`
	Message   string           `json:"message"`
	ReadAt    time.Time        `json:"readAt"`
	CreatedAt time.Time        `json:"createdAt"`
}

// SatelliteID is the satellite that a notification speaks of: the last word of
// its message. Its senderId is the node itself.
func (n Notification) SatelliteID() string {
	words := strings.Fields(n.Message)
	if len(words) == 0 {
		return ""
	}
	return strings.TrimRight(words[len(words)-1], ".!")
}

// notificationPage is the answer of /api/notifications/list.
type notificationPage struct {
	Page struct {
		Notifications []Notification `json:"notifications"`
		PageCount     Whole          `json:"pageCount"`
	} `json:"page"`
}

// decodeAnswer reads a JSON answer that must be one object.
func decodeAnswer(body []byte, answer any) error {
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return errNotAnObject
	}
	return json.Unmarshal(body, answer)
}

var errNotAnObject = errors.New("a JSON object was expected")
