import React, { useCallback, useMemo, useRef } from 'react';
import { type ComboboxOption, MultiCombobox } from '@grafana/ui';

import { errorText } from '../backend';

interface Props {
  id: string;
  labelId: string;
  value: string[] | undefined;
  onChange: (value: string[]) => void;
  /** What can be chosen; a function is asked each time the list opens. */
  load: Array<ComboboxOption<string>> | (() => Promise<Array<ComboboxOption<string>>>);
  /** Dashboard variables, each with its dollar. */
  variables: () => string[];
  /** Shown while nothing is chosen, which means all. */
  placeholder: string;
  width?: number;
}

/** Picks names out of a list that the back end knows, variables, and whatever else is typed. */
export function NamePicker({ id, labelId, value, onChange, load, variables, placeholder, width }: Props) {
  const known = useRef<{ at: number; options: Promise<Array<ComboboxOption<string>>> }>();

  const options = useCallback(
    async (typed: string) => {
      // The list calls at every key; the names are asked for once per opening.
      if (!known.current || Date.now() - known.current.at > 10_000) {
        known.current = { at: Date.now(), options: typeof load === 'function' ? load() : Promise.resolve(load) };
      }
      let names: Array<ComboboxOption<string>> = [];
      try {
        names = await known.current.options;
      } catch (error) {
        known.current = undefined;
        names = [{ label: 'The names cannot be listed', description: errorText(error), value: '', infoOption: true }];
      }
      const wanted = typed.trim().toLowerCase();
      const offered: Array<ComboboxOption<string>> = [
        ...variables().map((name) => ({ label: name, value: name, description: 'Dashboard variable' })),
        ...names,
      ];
      return offered.filter(
        (option) => option.infoOption || `${option.label ?? ''} ${option.value}`.toLowerCase().includes(wanted)
      );
    },
    [load, variables]
  );

  const selected = useMemo(
    () =>
      (value ?? []).map((entry) => ({
        label: (Array.isArray(load) && load.find((option) => option.value === entry)?.label) || entry,
        value: entry,
      })),
    [value, load]
  );

  return (
    <MultiCombobox
      id={id}
      aria-labelledby={labelId}
      value={selected}
      options={options}
      onChange={(chosen) => onChange(chosen.map((option) => option.value.trim()).filter(Boolean))}
      placeholder={placeholder}
      createCustomValue
      isClearable
      width={width}
    />
  );
}
