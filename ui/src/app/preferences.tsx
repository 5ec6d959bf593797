import {
  type MantineColorScheme,
  SegmentedControl,
  Tooltip,
  useMantineColorScheme,
  VisuallyHidden,
} from '@mantine/core';
import { IconDeviceDesktop, IconMoon, IconSun } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { type Language, setLanguage } from '../i18n';

/** The switches a reader sets once: language and colour scheme. Both are remembered. */
export function Preferences() {
  return (
    <>
      <LanguageSwitch />
      <SchemeSwitch />
    </>
  );
}

function LanguageSwitch() {
  const { t, i18n } = useTranslation();
  return (
    <SegmentedControl
      size="xs"
      aria-label={t('page.language')}
      value={i18n.language}
      onChange={value => void setLanguage(value as Language)}
      data={[
        { value: 'en', label: <span lang="en">EN</span> },
        { value: 'zh', label: <span lang="zh-CN">中文</span> },
      ]}
    />
  );
}

const SCHEMES = [
  { value: 'auto', icon: IconDeviceDesktop, name: 'page.schemeAuto' },
  { value: 'light', icon: IconSun, name: 'page.schemeLight' },
  { value: 'dark', icon: IconMoon, name: 'page.schemeDark' },
] as const;

function SchemeSwitch() {
  const { t } = useTranslation();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <SegmentedControl
      size="xs"
      aria-label={t('page.scheme')}
      value={colorScheme}
      onChange={value => setColorScheme(value as MantineColorScheme)}
      data={SCHEMES.map(({ value, icon: Icon, name }) => ({
        value,
        label: (
          <Tooltip label={t(name)} openDelay={400}>
            <span style={{ display: 'block', paddingBlock: 1 }}>
              <Icon size={15} stroke={1.7} style={{ display: 'block' }} aria-hidden />
              <VisuallyHidden>{t(name)}</VisuallyHidden>
            </span>
          </Tooltip>
        ),
      }))}
    />
  );
}
