import { CoreApp, type DataFrame, type DataQueryRequest, type DataQueryResponse, FieldType } from '@grafana/data';

import { type StorjQuery } from './types';

/**
 * An answer without data is a frame without fields, whose notices say why. Some of Grafana's panels take that for data
 * that is broken, and do not show what their `noValue` says instead.
 */
export function withoutEmptyFrames(response: DataQueryResponse, request: DataQueryRequest<StorjQuery>) {
  const asked = new Map(request.targets.map((target) => [target.refId, target]));
  const data = response.data.flatMap((frame: DataFrame) => {
    const target = asked.get(frame.refId ?? '');
    if (frame.fields.length > 0) {
      return [frame];
    }
    if (target?.format === 'heatmap') {
      return [emptyMap(frame, request)];
    }
    return target && request.app !== CoreApp.Explore && isOfStates(target) ? [] : [frame];
  });
  return { ...response, data };
}

/** A state timeline and a status history ask for a time field where there is a frame; Explore shows the notices of one. */
function isOfStates({ queryType, format, metrics }: StorjQuery): boolean {
  const halfDays = queryType === 'reputation' && metrics?.length === 1 && metrics[0] === 'online_windows_percent';
  return format === 'timeseries' && (queryType === 'conditions' || halfDays);
}

/** A heat map has no `noValue`, but it draws a map of nothing, with the frame's notices in the panel's corner. */
function emptyMap(frame: DataFrame, { range }: DataQueryRequest<StorjQuery>): DataFrame {
  const time = { name: 'time', type: FieldType.time, config: {}, values: [range.from.valueOf(), range.to.valueOf()] };
  const row = { name: 'nothing seen', type: FieldType.number, config: {}, values: [null, null] };
  return { ...frame, fields: [time, row], length: 2 };
}
